//! Compares the state expected after the faults, by the clients' log, with the one found: no acknowledged
//! change is lost, no failed change has happened, none has happened twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::log::{Operation, Outcome, Record};

/// Figures of one kind of operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tally {
    pub acknowledged: u64,
    pub failed: u64,
    /// Attempts without an outcome that a repetition or a read determined.
    pub resolved: u64,
    /// Still without an outcome: logins and refreshes, which cannot be repeated.
    pub unknown: u64,
    pub lost: u64,
    pub phantom: u64,
    pub duplicate: u64,
}

/// Expected state of a user, by the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    pub id: String,
    /// `None` when it was not tried.
    pub created: Option<Outcome>,
    pub deleted: Option<Outcome>,
    /// Number of acknowledged creates with its email.
    pub creates: u64,
    pub version: u64,
    pub name: String,
    pub failed_names: BTreeSet<String>,
    /// True when a patch has no outcome.
    pub is_uncertain: bool,
    /// Sessions of logins: true when they must be alive, false when they must have ended, `None` when
    /// either is valid.
    pub sessions: BTreeMap<String, Option<bool>>,
    /// True when there may be sessions missing from the log.
    pub has_unknown_sessions: bool,
    /// Number of the password, once it was changed; `None` when it is unknown.
    pub password: Option<String>,
    /// Numbers of passwords that must be rejected, and a flag for those once acknowledged.
    pub other_passwords: BTreeMap<String, bool>,
    /// Ids that replays of the create returned.
    pub replayed: BTreeSet<String>,
}

/// Expectations from the log.
#[derive(Debug, Default)]
pub struct Expectations {
    pub users: BTreeMap<String, Expected>,
    pub tallies: BTreeMap<Operation, Tally>,
}

/// Reads the log: the last record of a number has its outcome.
pub fn expectations(records: Vec<Record>) -> Expectations {
    let mut last = BTreeMap::new();
    for record in records {
        last.insert(record.number, record);
    }
    let mut expectations = Expectations::default();
    for record in last.into_values() {
        let outcome = record.outcome.unwrap_or(Outcome::Unknown);
        let tally = expectations.tallies.entry(record.operation).or_default();
        match outcome {
            Outcome::Ok => tally.acknowledged += 1,
            Outcome::Failed => tally.failed += 1,
            Outcome::Unknown => tally.unknown += 1,
        }
        if record.was_unknown && outcome != Outcome::Unknown {
            tally.resolved += 1;
        }
        let user = expectations.users.entry(record.user.clone()).or_default();
        user.learn(&record, outcome);
    }
    expectations
}

impl Expected {
    fn learn(&mut self, record: &Record, outcome: Outcome) {
        match record.operation {
            Operation::Create => self.learn_create(record, outcome),
            Operation::Replay => {
                if outcome == Outcome::Ok {
                    self.replayed.insert(record.id.clone());
                }
            }
            Operation::Patch => self.learn_patch(record, outcome),
            Operation::Delete => self.deleted = Some(outcome),
            Operation::Password => self.learn_password(record, outcome),
            Operation::Login => {
                self.has_unknown_sessions |= record.was_unknown || outcome == Outcome::Unknown;
                if outcome == Outcome::Ok {
                    self.sessions.insert(record.value.clone(), Some(true));
                }
            }
            Operation::Revoke => {
                if let Some(is_alive) = alive_after(outcome) {
                    self.sessions.insert(record.value.clone(), is_alive);
                }
            }
            // A second use of a spent token ends the session.
            Operation::Refresh => {
                if outcome == Outcome::Unknown {
                    self.sessions.insert(record.value.clone(), None);
                }
            }
        }
    }

    fn learn_create(&mut self, record: &Record, outcome: Outcome) {
        // A failed create with a taken email does not concern the existing user.
        if self.created.is_none() || outcome == Outcome::Ok {
            self.created = Some(outcome);
        } else {
            self.failed_names.insert(record.value.clone());
        }
        if outcome == Outcome::Ok {
            self.creates += 1;
            self.id.clone_from(&record.id);
            (self.version, self.name) = (record.version, record.value.clone());
        }
    }

    fn learn_patch(&mut self, record: &Record, outcome: Outcome) {
        match outcome {
            Outcome::Ok => (self.version, self.name) = (record.version, record.value.clone()),
            Outcome::Failed => {
                self.failed_names.insert(record.value.clone());
            }
            Outcome::Unknown => self.is_uncertain = true,
        }
    }

    fn learn_password(&mut self, record: &Record, outcome: Outcome) {
        self.has_unknown_sessions |= record.was_unknown;
        match outcome {
            Outcome::Ok => {
                let old = self.password.replace(record.value.clone());
                self.other_passwords
                    .insert(old.unwrap_or_else(|| "0".to_owned()), true);
                for (session, is_alive) in &mut self.sessions {
                    if *session != record.id {
                        *is_alive = Some(false);
                    }
                }
            }
            Outcome::Failed => {
                self.other_passwords
                    .entry(record.value.clone())
                    .or_insert(false);
            }
            Outcome::Unknown => {
                self.password = None;
                self.other_passwords.clear();
                self.sessions
                    .values_mut()
                    .for_each(|is_alive| *is_alive = None);
            }
        }
    }

    /// Returns true if the user must exist.
    pub fn must_exist(&self) -> bool {
        self.created == Some(Outcome::Ok) && matches!(self.deleted, None | Some(Outcome::Failed))
    }

    /// Returns true if the user must not exist.
    pub fn must_not_exist(&self) -> bool {
        self.created == Some(Outcome::Failed) || self.deleted == Some(Outcome::Ok)
    }
}

fn alive_after(outcome: Outcome) -> Option<Option<bool>> {
    match outcome {
        Outcome::Ok => Some(Some(false)),
        Outcome::Failed => None,
        Outcome::Unknown => Some(None),
    }
}

#[cfg(test)]
mod tests;
