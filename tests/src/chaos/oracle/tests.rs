use super::super::comparison::{Found, Row, Shown, compare};
use super::*;
use Operation::{Create, Delete, Login, Password, Patch, Replay, Revoke};

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
    record(0, Create, "Ada", Some(Outcome::Ok))
}

/// Returns a log in which Ada was created and renamed, and a database with this state.
fn renamed() -> (Vec<Record>, Found) {
    let patch = record(1, Patch, "Augusta", Some(Outcome::Ok));
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

/// Numbers of lost, phantom and duplicate changes.
type Wrong = (u64, u64, u64);

const NOTHING: Wrong = (0, 0, 0);
const LOST: Wrong = (1, 0, 0);
const PHANTOM: Wrong = (0, 1, 0);
const DUPLICATE: Wrong = (0, 0, 1);

/// Checks the changes of one operation that are wrong.
#[track_caller]
fn assert_wrong(records: Vec<Record>, found: &Found, operation: Operation, expected: Wrong) {
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
    let wrong = (tally.lost, tally.phantom, tally.duplicate);
    assert_eq!(wrong, expected);
}

#[test]
fn a_state_as_acknowledged_is_correct() {
    let (records, found) = renamed();
    assert_wrong(records, &found, Patch, NOTHING);
}

#[test]
fn an_acknowledged_user_without_a_row_is_lost() {
    assert_wrong(vec![created()], &Found::default(), Create, LOST);
}

#[test]
fn a_failed_create_with_a_row_is_a_phantom() {
    let failed = record(0, Create, "Ada", Some(Outcome::Failed));
    assert_wrong(vec![failed], &stored("Ada", 1), Create, PHANTOM);
}

#[test]
fn a_create_without_an_outcome_may_exist_or_not() {
    for outcome in [None, Some(Outcome::Unknown)] {
        let unknown = || vec![record(0, Create, "Ada", outcome)];
        assert_wrong(unknown(), &Found::default(), Create, NOTHING);
        assert_wrong(unknown(), &stored("Ada", 1), Create, NOTHING);
    }
}

#[test]
fn a_resolved_outcome_is_counted() {
    let unknown = record(0, Create, "Ada", Some(Outcome::Unknown));
    let mut resolved = created();
    resolved.was_unknown = true;
    let tallies = expectations(vec![unknown, resolved]).tallies;
    let tally = &tallies[&Create];
    assert_eq!(
        (tally.acknowledged, tally.unknown, tally.resolved),
        (1, 0, 1)
    );
}

#[test]
fn an_older_version_is_a_lost_patch() {
    let (records, _) = renamed();
    assert_wrong(records, &stored("Ada", 1), Patch, LOST);
}

#[test]
fn an_extra_version_is_a_duplicate_patch() {
    let (records, _) = renamed();
    assert_wrong(records, &stored("Augusta", 3), Patch, DUPLICATE);
}

#[test]
fn a_rejected_name_is_a_phantom() {
    let (mut records, _) = renamed();
    records.push(record(2, Patch, "Refused", Some(Outcome::Failed)));
    assert_wrong(records, &stored("Refused", 3), Patch, PHANTOM);
}

#[test]
fn an_older_user_in_the_api_is_a_lost_patch() {
    let (records, mut found) = renamed();
    found.shown = stored("Ada", 1).shown;
    assert_wrong(records, &found, Patch, LOST);
}

#[test]
fn a_deleted_user_with_a_row_is_a_lost_deletion() {
    let delete = record(1, Delete, "id", Some(Outcome::Ok));
    let records = vec![created(), delete];
    assert_wrong(records, &stored("Ada", 1), Delete, LOST);
}

#[test]
fn a_failed_deletion_without_a_row_is_a_phantom() {
    let delete = record(1, Delete, "id", Some(Outcome::Failed));
    let records = vec![created(), delete];
    assert_wrong(records, &Found::default(), Delete, PHANTOM);
}

#[test]
fn a_replay_with_another_user_is_a_duplicate() {
    let mut replay = record(1, Replay, "id", Some(Outcome::Ok));
    replay.id = "another".into();
    let records = vec![created(), replay];
    assert_wrong(records, &stored("Ada", 1), Replay, DUPLICATE);
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
    let login = record(1, Login, "s", Some(Outcome::Ok));
    let revoke = record(2, Revoke, "s", Some(Outcome::Ok));
    let alive = || vec![created(), login.clone()];
    let ended = || vec![created(), login.clone(), revoke.clone()];
    assert_wrong(alive(), &with_sessions(&["s"]), Login, NOTHING);
    assert_wrong(alive(), &with_sessions(&[]), Login, LOST);
    assert_wrong(ended(), &with_sessions(&[]), Revoke, NOTHING);
    assert_wrong(ended(), &with_sessions(&["s"]), Revoke, LOST);
    assert_wrong(alive(), &with_sessions(&["s", "t"]), Login, PHANTOM);
}

#[test]
fn a_password_change_ends_the_other_sessions() {
    let kept = record(1, Login, "kept", Some(Outcome::Ok));
    let other = record(2, Login, "other", Some(Outcome::Ok));
    let mut change = record(3, Password, "1", Some(Outcome::Ok));
    change.id = "kept".into();
    let records = || vec![created(), kept.clone(), other.clone(), change.clone()];
    assert_wrong(records(), &with_sessions(&["kept"]), Revoke, NOTHING);
    let found = with_sessions(&["kept", "other"]);
    assert_wrong(records(), &found, Revoke, LOST);
}

#[test]
fn only_the_new_password_is_accepted() {
    let change = record(1, Password, "1", Some(Outcome::Ok));
    let refused = record(2, Password, "77", Some(Outcome::Failed));
    let records = || vec![created(), change.clone(), refused.clone()];
    let logins = |statuses: [u16; 3]| {
        let numbers = ["0", "1", "77"].map(|number| (ADA.to_owned(), number.to_owned()));
        Found {
            logins: numbers.into_iter().zip(statuses).collect(),
            ..stored("Ada", 1)
        }
    };
    assert_wrong(records(), &logins([401, 200, 401]), Password, NOTHING);
    assert_wrong(records(), &logins([200, 200, 401]), Password, LOST);
    assert_wrong(records(), &logins([401, 401, 401]), Password, LOST);
    assert_wrong(records(), &logins([401, 200, 200]), Password, PHANTOM);
}
