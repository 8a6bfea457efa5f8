//! Operations of a client on people: passwords, logins, revocations and refreshes.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::client::{Client, PATIENT, Session, State, login_request, password};
use super::failover::{Request, Response, Verdict};
use super::log::{Operation, Outcome, Record};
use super::schedule::Kind;
use super::users::refused;
use crate::client::{ME, REFRESH, SESSIONS};
use crate::person::claims;

/// Maximum number of live sessions per person: the app itself ends sessions beyond `max_sessions`.
const MOST_SESSIONS: usize = 8;

impl Client {
    pub(super) async fn login(&mut self, person: usize) -> Result<()> {
        let Some((email, number)) = self.person(person) else {
            return Ok(());
        };
        // Sessions whose tokens prove nothing are only forgotten: they stay alive.
        self.people[person]
            .sessions
            .retain(|session| !session.skewed);
        if self.people[person].sessions.len() >= MOST_SESSIONS {
            return Ok(());
        }
        let request = login_request(&email, &password(number));
        let mut record = self.intend(Operation::Login, &email, "")?;
        let (host, was_moved) = (self.any_host(), self.is_clock_moved());
        let settled = self.failover.settle(host, &request, PATIENT).await;
        record.was_unknown = settled.was_unknown;
        match settled.verdict {
            Verdict::Done(response) => {
                let session = self.session(&response, was_moved);
                record.value.clone_from(&session.id);
                self.people[person].sessions.push(session);
                self.conclude(&mut record, Outcome::Ok)
            }
            // The password cannot be wrong. An unknown attempt may have created a session missing from
            // the log.
            Verdict::Refused(response) => {
                let what = format!("a login of {email} with password {number}: {response:?}");
                self.failover.meter.violation(&what);
                self.conclude(&mut record, refused(settled.was_unknown))
            }
            Verdict::NotSent => self.conclude(&mut record, Outcome::Failed),
            Verdict::Unknown => self.conclude(&mut record, Outcome::Unknown),
        }
    }

    /// Exchanges a refresh token for the next pair.
    pub(super) async fn refresh(&mut self, person: usize) -> Result<()> {
        let Some((email, _)) = self.person(person) else {
            return Ok(());
        };
        let Some(at) = self.any_session(person) else {
            return Ok(());
        };
        let old = self.people[person].sessions[at].clone();
        let body = json!({ "refresh_token": old.refresh_token });
        let request = Request::new(Method::POST, REFRESH).body(body);
        let mut record = self.intend(Operation::Refresh, &email, &old.id)?;
        let (host, was_moved) = (self.any_host(), self.is_clock_moved());
        let settled = self.failover.settle(host, &request, PATIENT).await;
        record.was_unknown = settled.was_unknown;
        match settled.verdict {
            Verdict::Done(response) => {
                self.people[person].sessions[at] = self.session(&response, was_moved);
                self.conclude(&mut record, Outcome::Ok)
            }
            Verdict::NotSent => self.conclude(&mut record, Outcome::Failed),
            Verdict::Refused(response) => {
                // A repetition after the grace period ends the session, by design.
                self.people[person].sessions.remove(at);
                if !settled.was_unknown {
                    let what = format!("a refresh of session {}: {response:?}", old.id);
                    self.failover.meter.violation(&what);
                }
                self.conclude(&mut record, refused(settled.was_unknown))
            }
            Verdict::Unknown => {
                self.people[person].sessions.remove(at);
                self.conclude(&mut record, Outcome::Unknown)
            }
        }
    }

    /// Ends a session, from another session of the same person or by logging out.
    pub(super) async fn revoke(&mut self, person: usize) -> Result<()> {
        let Some((email, _)) = self.person(person) else {
            return Ok(());
        };
        let Some(at) = self.any_session(person) else {
            return Ok(());
        };
        let ended = self.people[person].sessions.remove(at);
        let other = self.people[person]
            .sessions
            .iter()
            .find(|other| !other.skewed);
        let request = match other {
            Some(other) => Request::new(Method::DELETE, format!("{SESSIONS}/{}", ended.id))
                .token(&other.access_token),
            None => Request::new(Method::POST, "/api/v1/auth/logout").token(&ended.access_token),
        };
        let is_other = other.is_some();
        let mut record = self.intend(Operation::Revoke, &email, &ended.id)?;
        let host = self.any_host();
        let settled = self.failover.settle(host, &request, PATIENT).await;
        record.was_unknown = settled.was_unknown;
        let is_over = match &settled.verdict {
            Verdict::Done(_) => true,
            Verdict::Refused(response) => is_other && settled.was_unknown && response.status == 404,
            Verdict::NotSent | Verdict::Unknown => false,
        };
        if is_over {
            self.conclude(&mut record, Outcome::Ok)?;
            self.is_refused(ended, "a revoked session").await;
            return Ok(());
        }
        match settled.verdict {
            Verdict::NotSent => self.conclude(&mut record, Outcome::Failed),
            Verdict::Refused(_) => self.conclude(&mut record, refused(settled.was_unknown)),
            Verdict::Done(_) | Verdict::Unknown => self.conclude(&mut record, Outcome::Unknown),
        }
    }

    /// Sets the next password, which ends the other sessions.
    pub(super) async fn change_password(&mut self, person: usize) -> Result<()> {
        let Some((email, number)) = self.person(person) else {
            return Ok(());
        };
        let Some(at) = self.any_session(person) else {
            return Ok(());
        };
        let session = self.people[person].sessions[at].clone();
        let request = password_request(&session, number, number + 1);
        let value = (number + 1).to_string();
        let mut record = self.intend(Operation::Password, &email, &value)?;
        record.id.clone_from(&session.id);
        let host = self.any_host();
        let settled = self.failover.settle(host, &request, PATIENT).await;
        record.was_unknown = settled.was_unknown;
        match settled.verdict {
            Verdict::Done(_) => self.changed_password(person, at, record).await,
            Verdict::NotSent => self.conclude(&mut record, Outcome::Failed),
            Verdict::Refused(_) if !settled.was_unknown => {
                self.conclude(&mut record, Outcome::Failed)
            }
            Verdict::Refused(_) | Verdict::Unknown => {
                self.find_password(person, at, record, number).await
            }
        }
    }

    /// Determines by a login if a change without a response was applied.
    async fn find_password(
        &mut self,
        person: usize,
        at: usize,
        mut record: Record,
        number: u64,
    ) -> Result<()> {
        let email = self.people[person].email.clone();
        let login = login_request(&email, &password(number + 1));
        let settled = self.failover.settle(0, &login, PATIENT).await;
        match settled.verdict {
            Verdict::Done(_) => self.changed_password(person, at, record).await,
            // The change may still be applied until the faults have ended, so the person rests.
            _ => {
                self.people[person].state = State::InDoubt;
                self.conclude(&mut record, Outcome::Unknown)
            }
        }
    }

    async fn changed_password(
        &mut self,
        person: usize,
        at: usize,
        mut record: Record,
    ) -> Result<()> {
        self.conclude(&mut record, Outcome::Ok)?;
        let kept = self.people[person].sessions.remove(at);
        let ended = std::mem::replace(&mut self.people[person].sessions, vec![kept]);
        for session in ended {
            self.is_refused(session, "a session of before a password change")
                .await;
        }
        let old = self.people[person].password.replace(record.value.parse()?);
        let login = login_request(&record.user, &password(old.unwrap_or_default()));
        self.probe(
            &login,
            |response| response.status == 200,
            "the old password",
        )
        .await;
        Ok(())
    }

    /// Tries to set a password with a wrong current one: it must fail.
    pub(super) async fn change_password_wrongly(&mut self, person: usize) -> Result<()> {
        let Some((email, _)) = self.person(person) else {
            return Ok(());
        };
        let Some(at) = self.any_session(person) else {
            return Ok(());
        };
        // Number that no password has.
        let number = 1_000_000 + self.count;
        let request = password_request(&self.people[person].sessions[at], number, number);
        let mut record = self.intend(Operation::Password, &email, &number.to_string())?;
        let host = self.any_host();
        let settled = self.failover.settle(host, &request, PATIENT).await;
        match settled.verdict {
            Verdict::Done(_) => self.conclude(&mut record, Outcome::Ok),
            _ => self.conclude(&mut record, Outcome::Failed),
        }
    }

    /// Checks that both hosts reject the access token of an ended session, and keeps it for another check
    /// after the faults.
    async fn is_refused(&mut self, session: Session, what: &str) {
        let read = Request::new(Method::GET, ME).token(&session.access_token);
        self.probe(&read, |response| response.status == 200, what)
            .await;
        self.final_state.revoked.push(session.access_token);
    }

    /// Returns the email and password number of a person that is not in doubt.
    fn person(&self, person: usize) -> Option<(String, u64)> {
        let account = self.people.get(person)?;
        let is_known = account.state == State::Alive;
        is_known.then_some((account.email.clone(), account.password?))
    }

    fn any_session(&mut self, person: usize) -> Option<usize> {
        let sessions = &self.people[person].sessions;
        let usable = (0..sessions.len()).filter(|at| !sessions[*at].skewed);
        let usable: Vec<_> = usable.collect();
        self.random.choice(usable)
    }

    fn is_clock_moved(&self) -> bool {
        self.failover.meter.current() == Some(Kind::ClockMoved)
    }

    fn session(&self, response: &Response, was_moved: bool) -> Session {
        let access_token = response.text("access_token").to_owned();
        Session {
            id: claims(&access_token)["sid"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            refresh_token: response.text("refresh_token").to_owned(),
            access_token,
            skewed: was_moved || self.is_clock_moved(),
        }
    }
}

fn password_request(session: &Session, old: u64, new: u64) -> Request {
    let body = json!({ "old_password": password(old), "new_password": password(new) });
    Request::new(Method::PUT, "/api/v1/users/me/password")
        .token(&session.access_token)
        .body(body)
}
