//! Comparison of the expected state with the state found.

use std::collections::{BTreeMap, BTreeSet};

use super::log::{Operation, Outcome};
use super::oracle::{Expectations, Expected};

/// Maximum number of findings that are described.
const DESCRIBED: usize = 60;

/// User's row in Postgres.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub version: u64,
}

/// User as the API returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    pub status: u16,
    pub name: String,
    pub version: u64,
}

/// State found after the faults.
#[derive(Debug, Default)]
pub struct Found {
    /// Rows by email.
    pub rows: BTreeMap<String, Vec<Row>>,
    /// Users as the API returned them, by email.
    pub shown: BTreeMap<String, Vec<Shown>>,
    /// Number of user-created events, by id.
    pub creations: BTreeMap<String, u64>,
    /// Live sessions by user id, with the number of their unspent refresh tokens.
    pub sessions: BTreeMap<String, BTreeMap<String, u64>>,
    /// Status of a login with a password, by email and number.
    pub logins: BTreeMap<(String, String), u16>,
}

/// Kind of finding.
#[derive(Clone, Copy)]
enum FindingKind {
    Lost,
    Phantom,
    Duplicate,
}

/// Adds findings to the tallies and describes them.
pub struct FindingsCollector<'a> {
    expectations: &'a mut Expectations,
    pub findings: Vec<String>,
}

/// Compares everything.
pub fn compare(expectations: &mut Expectations, found: &Found) -> Vec<String> {
    let users = std::mem::take(&mut expectations.users);
    let mut collector = FindingsCollector {
        expectations,
        findings: Vec::new(),
    };
    for (email, user) in &users {
        collector.existence(email, user, found);
        collector.state(email, user, found);
        collector.sessions(email, user, found);
        collector.passwords(email, user, found);
    }
    let findings = std::mem::take(&mut collector.findings);
    expectations.users = users;
    findings
}

impl FindingsCollector<'_> {
    fn note(&mut self, kind: FindingKind, operation: Operation, what: String) {
        let tally = self.expectations.tallies.entry(operation).or_default();
        let (count, name) = match kind {
            FindingKind::Lost => (&mut tally.lost, "lost"),
            FindingKind::Phantom => (&mut tally.phantom, "phantom"),
            FindingKind::Duplicate => (&mut tally.duplicate, "duplicate"),
        };
        *count += 1;
        if self.findings.len() < DESCRIBED {
            self.findings
                .push(format!("{name} {}: {what}", operation.name()));
        }
    }

    fn existence(&mut self, email: &str, user: &Expected, found: &Found) {
        let count = found.rows.get(email).map_or(0, Vec::len);
        let shown = found.shown.get(email).map_or(&[][..], Vec::as_slice);
        if user.must_exist() {
            let is_absent = count == 0 || shown.iter().any(|shown| shown.status == 404);
            match (is_absent, user.deleted) {
                (true, Some(_)) => {
                    self.note(FindingKind::Phantom, Operation::Delete, email.to_owned())
                }
                (true, None) => self.note(FindingKind::Lost, Operation::Create, email.to_owned()),
                (false, _) => {}
            }
        }
        if user.must_not_exist() {
            let is_there = count > 0 || shown.iter().any(|shown| shown.status == 200);
            match (is_there, user.created) {
                (true, Some(Outcome::Failed)) => {
                    self.note(FindingKind::Phantom, Operation::Create, email.to_owned());
                }
                (true, _) => self.note(FindingKind::Lost, Operation::Delete, email.to_owned()),
                (false, _) => {}
            }
        }
        let creations = found.creations.get(&user.id).copied().unwrap_or_default();
        if count > 1 || user.creates > 1 || creations > 1 {
            let what = format!("{email}: {count} rows, {creations} events");
            self.note(FindingKind::Duplicate, Operation::Create, what);
        }
        for id in user.replayed.iter().filter(|id| **id != user.id) {
            let what = format!("{email} is {} and was {id} in a replay", user.id);
            self.note(FindingKind::Duplicate, Operation::Replay, what);
        }
    }

    fn state(&mut self, email: &str, user: &Expected, found: &Found) {
        let Some([row]) = found.rows.get(email).map(Vec::as_slice) else {
            return;
        };
        if user.must_exist() && !user.is_uncertain {
            let what = format!(
                "{email} is version {} named {}, must be version {} named {}",
                row.version, row.name, user.version, user.name
            );
            let is_as_expected = (row.version, &row.name) == (user.version, &user.name);
            if user.failed_names.contains(&row.name) {
                self.note(FindingKind::Phantom, Operation::Patch, what);
            } else if row.version > user.version {
                self.note(FindingKind::Duplicate, Operation::Patch, what);
            } else if !is_as_expected {
                self.note(FindingKind::Lost, Operation::Patch, what);
            }
        }
        for shown in found.shown.get(email).into_iter().flatten() {
            let is_as_stored = (shown.version, &shown.name) == (row.version, &row.name);
            if shown.status == 200 && !is_as_stored {
                let what = format!("{email} is shown as {shown:?} and stored as {row:?}");
                self.note(FindingKind::Lost, Operation::Patch, what);
            }
        }
    }

    fn sessions(&mut self, email: &str, user: &Expected, found: &Found) {
        if user.created != Some(Outcome::Ok) || user.deleted.is_some() {
            return;
        }
        let what = |session: &String| format!("{email}, session {session}");
        let none = BTreeMap::new();
        let alive = found.sessions.get(&user.id).unwrap_or(&none);
        for (session, must_live) in &user.sessions {
            match (must_live, alive.contains_key(session)) {
                (Some(true), false) => {
                    self.note(FindingKind::Lost, Operation::Login, what(session));
                }
                (Some(false), true) => {
                    self.note(FindingKind::Lost, Operation::Revoke, what(session));
                }
                _ => {}
            }
        }
        for (session, unspent) in alive {
            if *unspent > 1 {
                let what = format!("{email}, session {session}: {unspent} tokens");
                self.note(FindingKind::Duplicate, Operation::Refresh, what);
            }
        }
        let known: BTreeSet<_> = user.sessions.keys().collect();
        if !user.has_unknown_sessions {
            for session in alive.keys().filter(|session| !known.contains(session)) {
                self.note(FindingKind::Phantom, Operation::Login, what(session));
            }
        }
    }

    fn passwords(&mut self, email: &str, user: &Expected, found: &Found) {
        let status = |number: &str| {
            let key = (email.to_owned(), number.to_owned());
            found.logins.get(&key).copied()
        };
        if let Some(current) = &user.password
            && status(current).is_some_and(|status| status != 200)
        {
            let what = format!("{email}: password {current} is rejected");
            self.note(FindingKind::Lost, Operation::Password, what);
        }
        for (number, was_acknowledged) in &user.other_passwords {
            if status(number) == Some(200) && Some(number) != user.password.as_ref() {
                let kind = match was_acknowledged {
                    true => FindingKind::Lost,
                    false => FindingKind::Phantom,
                };
                let what = format!("{email}: password {number} is accepted");
                self.note(kind, Operation::Password, what);
            }
        }
    }
}
