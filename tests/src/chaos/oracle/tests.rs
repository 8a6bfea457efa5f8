use super::super::comparison::{Found, Row, Shown, compare};
use super::*;

const ADA: &str = "ada@example.com";

fn record(number: u64, operation: Operation, value: &str, outcome: Option<Outcome>) -> Record {
    Record {
        number: (0, number),
        operation,
        user: ADA.into(),
        value: value.into(),
        outcome,
        was_unknown: false,
        id: "id".into(),
        version: number + 1,
    }
}

fn created() -> Record {
    record(0, Operation::Create, "Ada", Some(Outcome::Ok))
}

/// Returns a log in which Ada was created and renamed, and a database with this state.
fn renamed() -> (Vec<Record>, Found) {
    let patch = record(1, Operation::Patch, "Augusta", Some(Outcome::Ok));
    (vec![created(), patch], stored("Augusta", 2))
}

fn stored(name: &str, version: u64) -> Found {
    let row = Row {
        id: "id".into(),
        name: name.into(),
        version,
    };
    let shown = Shown {
        status: 200,
        name: name.into(),
        version,
    };
    Found {
        rows: BTreeMap::from([(ADA.to_owned(), vec![row])]),
        shown: BTreeMap::from([(ADA.to_owned(), vec![shown])]),
        ..Found::default()
    }
}

/// Returns the numbers of lost, phantom and duplicate changes of one operation.
fn wrong(records: Vec<Record>, found: &Found, operation: Operation) -> (u64, u64, u64) {
    let mut expectations = expectations(records);
    let findings = compare(&mut expectations, found);
    let sum: u64 = expectations
        .tallies
        .values()
        .map(|tally| tally.lost + tally.phantom + tally.duplicate)
        .sum();
    assert_eq!(findings.len() as u64, sum);
    let tally = expectations
        .tallies
        .get(&operation)
        .copied()
        .unwrap_or_default();
    (tally.lost, tally.phantom, tally.duplicate)
}

#[test]
fn a_state_as_acknowledged_is_correct() {
    let (records, found) = renamed();
    assert_eq!(wrong(records, &found, Operation::Patch), (0, 0, 0));
}

#[test]
fn an_acknowledged_user_without_a_row_is_lost() {
    assert_eq!(
        wrong(vec![created()], &Found::default(), Operation::Create),
        (1, 0, 0)
    );
}

#[test]
fn a_failed_create_with_a_row_is_a_phantom() {
    let failed = record(0, Operation::Create, "Ada", Some(Outcome::Failed));
    assert_eq!(
        wrong(vec![failed], &stored("Ada", 1), Operation::Create),
        (0, 1, 0)
    );
}

#[test]
fn a_create_without_an_outcome_may_exist_or_not() {
    for outcome in [None, Some(Outcome::Unknown)] {
        let unknown = || vec![record(0, Operation::Create, "Ada", outcome)];
        assert_eq!(
            wrong(unknown(), &Found::default(), Operation::Create),
            (0, 0, 0)
        );
        assert_eq!(
            wrong(unknown(), &stored("Ada", 1), Operation::Create),
            (0, 0, 0)
        );
    }
}

#[test]
fn a_resolved_outcome_is_counted() {
    let unknown = record(0, Operation::Create, "Ada", Some(Outcome::Unknown));
    let mut resolved = created();
    resolved.was_unknown = true;
    let tallies = expectations(vec![unknown, resolved]).tallies;
    let tally = &tallies[&Operation::Create];
    assert_eq!(
        (tally.acknowledged, tally.unknown, tally.resolved),
        (1, 0, 1)
    );
}

#[test]
fn an_older_version_is_a_lost_patch() {
    let (records, _) = renamed();
    assert_eq!(
        wrong(records, &stored("Ada", 1), Operation::Patch),
        (1, 0, 0)
    );
}

#[test]
fn an_extra_version_is_a_duplicate_patch() {
    let (records, _) = renamed();
    assert_eq!(
        wrong(records, &stored("Augusta", 3), Operation::Patch),
        (0, 0, 1)
    );
}

#[test]
fn a_rejected_name_is_a_phantom() {
    let (mut records, _) = renamed();
    records.push(record(
        2,
        Operation::Patch,
        "Refused",
        Some(Outcome::Failed),
    ));
    assert_eq!(
        wrong(records, &stored("Refused", 3), Operation::Patch),
        (0, 1, 0)
    );
}

#[test]
fn an_older_user_in_the_api_is_a_lost_patch() {
    let (records, mut found) = renamed();
    found.shown = stored("Ada", 1).shown;
    assert_eq!(wrong(records, &found, Operation::Patch), (1, 0, 0));
}

#[test]
fn a_deleted_user_with_a_row_is_a_lost_deletion() {
    let delete = record(1, Operation::Delete, "id", Some(Outcome::Ok));
    let records = vec![created(), delete];
    assert_eq!(
        wrong(records, &stored("Ada", 1), Operation::Delete),
        (1, 0, 0)
    );
}

#[test]
fn a_failed_deletion_without_a_row_is_a_phantom() {
    let delete = record(1, Operation::Delete, "id", Some(Outcome::Failed));
    let records = vec![created(), delete];
    assert_eq!(
        wrong(records, &Found::default(), Operation::Delete),
        (0, 1, 0)
    );
}

#[test]
fn a_replay_with_another_user_is_a_duplicate() {
    let mut replay = record(1, Operation::Replay, "id", Some(Outcome::Ok));
    replay.id = "another".into();
    let records = vec![created(), replay];
    assert_eq!(
        wrong(records, &stored("Ada", 1), Operation::Replay),
        (0, 0, 1)
    );
}

fn with_sessions(sessions: &[&str]) -> Found {
    let sessions = sessions.iter().map(|session| ((*session).to_owned(), 1));
    Found {
        sessions: BTreeMap::from([("id".to_owned(), sessions.collect())]),
        ..stored("Ada", 1)
    }
}

#[test]
fn a_session_must_live_until_it_is_ended() {
    let login = record(1, Operation::Login, "s", Some(Outcome::Ok));
    let revoke = record(2, Operation::Revoke, "s", Some(Outcome::Ok));
    let alive = || vec![created(), login.clone()];
    let ended = || vec![created(), login.clone(), revoke.clone()];
    assert_eq!(
        wrong(alive(), &with_sessions(&["s"]), Operation::Login),
        (0, 0, 0)
    );
    assert_eq!(
        wrong(alive(), &with_sessions(&[]), Operation::Login),
        (1, 0, 0)
    );
    assert_eq!(
        wrong(ended(), &with_sessions(&[]), Operation::Revoke),
        (0, 0, 0)
    );
    assert_eq!(
        wrong(ended(), &with_sessions(&["s"]), Operation::Revoke),
        (1, 0, 0)
    );
    assert_eq!(
        wrong(alive(), &with_sessions(&["s", "t"]), Operation::Login),
        (0, 1, 0)
    );
}

#[test]
fn a_password_change_ends_the_other_sessions() {
    let kept = record(1, Operation::Login, "kept", Some(Outcome::Ok));
    let other = record(2, Operation::Login, "other", Some(Outcome::Ok));
    let mut change = record(3, Operation::Password, "1", Some(Outcome::Ok));
    change.id = "kept".into();
    let records = || vec![created(), kept.clone(), other.clone(), change.clone()];
    assert_eq!(
        wrong(records(), &with_sessions(&["kept"]), Operation::Revoke),
        (0, 0, 0)
    );
    let found = with_sessions(&["kept", "other"]);
    assert_eq!(wrong(records(), &found, Operation::Revoke), (1, 0, 0));
}

#[test]
fn only_the_new_password_is_accepted() {
    let change = record(1, Operation::Password, "1", Some(Outcome::Ok));
    let refused = record(2, Operation::Password, "77", Some(Outcome::Failed));
    let records = || vec![created(), change.clone(), refused.clone()];
    let logins = |statuses: [u16; 3]| {
        let numbers = ["0", "1", "77"].map(|number| (ADA.to_owned(), number.to_owned()));
        Found {
            logins: numbers.into_iter().zip(statuses).collect(),
            ..stored("Ada", 1)
        }
    };
    assert_eq!(
        wrong(records(), &logins([401, 200, 401]), Operation::Password),
        (0, 0, 0)
    );
    assert_eq!(
        wrong(records(), &logins([200, 200, 401]), Operation::Password),
        (1, 0, 0)
    );
    assert_eq!(
        wrong(records(), &logins([401, 401, 401]), Operation::Password),
        (1, 0, 0)
    );
    assert_eq!(
        wrong(records(), &logins([401, 200, 200]), Operation::Password),
        (0, 1, 0)
    );
}
