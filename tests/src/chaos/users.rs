//! Operations of a client on users: create, repeat, patch and delete.

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::client::{Account, Client, PATIENT, State, UnresolvedRequest, new_user};
use super::failover::{Request, Response, Verdict};
use super::log::{Operation, Outcome, Record};
use crate::client::{USERS, user_path};

impl Client {
    /// Creates a user, with a password if it is one of the people.
    pub(super) async fn create(&mut self, with_password: Option<u64>) -> Result<()> {
        let name = format!("{}-{}-{}", self.run, self.index, self.count);
        let email = format!("{name}@example.com");
        let create = self
            .as_admin(Method::POST, USERS)
            .header("idempotency-key", name.clone())
            .body(new_user(&email, &name, with_password));
        let mut record = self.intend(Operation::Create, &email, &name)?;
        let patience = match with_password {
            Some(_) => PATIENT,
            None => self.patience(),
        };
        let host = self.any_host();
        let settled = self.failover.settle(host, &create, patience).await;
        record.was_unknown = settled.was_unknown;
        let mut account = Account {
            email,
            id: String::new(),
            create,
            version: 1,
            password: with_password,
            sessions: Vec::new(),
            state: State::Alive,
        };
        match settled.verdict {
            Verdict::Done(response) => {
                self.created(&mut record, &mut account, &response);
                self.conclude(&mut record, Outcome::Ok)?;
            }
            Verdict::Refused(response) => {
                let outcome = refused(settled.was_unknown);
                self.conclude(&mut record, outcome)?;
                self.after_refusal(&response).await;
                return Ok(());
            }
            Verdict::NotSent => return self.conclude(&mut record, Outcome::Failed),
            Verdict::Unknown => {
                account.state = State::InDoubt;
                self.conclude(&mut record, Outcome::Unknown)?;
                let (account, request) = (self.accounts.len(), account.create.clone());
                self.unresolved.push(UnresolvedRequest {
                    account,
                    record,
                    request,
                });
            }
        }
        match with_password {
            Some(_) => self.people.push(account),
            None => self.accounts.push(account),
        }
        Ok(())
    }

    fn created(&self, record: &mut Record, account: &mut Account, response: &Response) {
        response.text("id").clone_into(&mut account.id);
        record.id.clone_from(&account.id);
        (record.version, account.version) = (response.version(), response.version());
        if response.status != 201
            || account.id.is_empty()
            || response.text("email") != account.email
        {
            let what = format!("a create of {} gets {response:?}", account.email);
            self.failover.meter.violation(&what);
        }
    }

    /// Repeats an acknowledged create: returns the same user, or 410 if it was deleted.
    pub(super) async fn replay(&mut self) -> Result<()> {
        let candidates = self.accounts.len();
        if candidates == 0 {
            return Ok(());
        }
        let at = self
            .random
            .usize(candidates.saturating_sub(400)..candidates);
        let (account, token) = (&self.accounts[at], self.admin_token.clone());
        if account.state == State::InDoubt {
            return Ok(());
        }
        let (email, id, state) = (account.email.clone(), account.id.clone(), account.state);
        let request = account.create.clone().token(&token);
        let mut record = self.intend(Operation::Replay, &email, &id)?;
        let (host, patience) = (self.any_host(), self.patience());
        let settled = self.failover.settle(host, &request, patience).await;
        record.was_unknown = settled.was_unknown;
        match settled.verdict {
            Verdict::Done(response) => {
                response.text("id").clone_into(&mut record.id);
                self.conclude(&mut record, Outcome::Ok)?;
                if state == State::Deleted {
                    let what = format!("a replay of {email}, deleted, gets {}", response.status);
                    self.failover.meter.violation(&what);
                }
            }
            Verdict::Refused(response) => {
                if response.status == 410 && state == State::Alive {
                    let what = format!("a replay of {email}, never deleted, gets 410");
                    self.failover.meter.violation(&what);
                }
                self.conclude(&mut record, Outcome::Failed)?;
                self.after_refusal(&response).await;
            }
            Verdict::NotSent => self.conclude(&mut record, Outcome::Failed)?,
            // A replay without an outcome leaves no state in doubt.
            Verdict::Unknown => self.conclude(&mut record, Outcome::Unknown)?,
        }
        Ok(())
    }

    /// Creates a user with a taken email: it must fail.
    pub(super) async fn create_taken(&mut self) -> Result<()> {
        let Some(at) = self.pick() else {
            return Ok(());
        };
        let email = self.accounts[at].email.clone();
        let name = format!("taken-{}-{}", self.index, self.count);
        let request = self
            .as_admin(Method::POST, USERS)
            .body(new_user(&email, &name, None));
        let mut record = self.intend(Operation::Create, &email, &name)?;
        let host = self.any_host();
        let settled = self.failover.settle(host, &request, PATIENT).await;
        match settled.verdict {
            Verdict::Done(_) => self.conclude(&mut record, Outcome::Ok),
            // Only the first user can have this email.
            Verdict::Refused(response) => {
                self.conclude(&mut record, Outcome::Failed)?;
                self.after_refusal(&response).await;
                Ok(())
            }
            Verdict::NotSent | Verdict::Unknown => self.conclude(&mut record, Outcome::Failed),
        }
    }

    fn patch_request(&self, at: usize, version: u64, name: &str) -> Request {
        self.as_admin(Method::PATCH, &user_path(&self.accounts[at].id))
            .header("if-match", format!("\"v{version}\""))
            .body(json!({ "full_name": name }))
    }

    /// Renames a user whose version is known.
    pub(super) async fn patch(&mut self) -> Result<()> {
        let Some(at) = self.pick() else {
            return Ok(());
        };
        let (email, version) = (self.accounts[at].email.clone(), self.accounts[at].version);
        let name = format!("patched-{}-{}", self.index, self.count);
        let request = self.patch_request(at, version, &name);
        let mut record = self.intend(Operation::Patch, &email, &name)?;
        let (host, patience) = (self.any_host(), self.patience());
        let settled = self.failover.settle(host, &request, patience).await;
        record.was_unknown = settled.was_unknown;
        match settled.verdict {
            Verdict::Done(response) => self.patched(at, record, response.version()).await,
            other => {
                let unresolved = UnresolvedRequest {
                    account: at,
                    record,
                    request,
                };
                self.not_acknowledged(other, unresolved).await
            }
        }
    }

    /// Concludes a change that was not acknowledged. A rejection (412, 404) after an attempt without a
    /// response may be the effect of that attempt: the change stays in doubt, to be resolved by reading.
    async fn not_acknowledged(
        &mut self,
        verdict: Verdict,
        mut unresolved: UnresolvedRequest,
    ) -> Result<()> {
        match verdict {
            Verdict::Refused(response) if !unresolved.record.was_unknown => {
                self.conclude(&mut unresolved.record, Outcome::Failed)?;
                self.after_refusal(&response).await;
                Ok(())
            }
            Verdict::NotSent => self.conclude(&mut unresolved.record, Outcome::Failed),
            Verdict::Done(_) | Verdict::Refused(_) | Verdict::Unknown => {
                self.accounts[unresolved.account].state = State::InDoubt;
                self.conclude(&mut unresolved.record, Outcome::Unknown)?;
                self.unresolved.push(unresolved);
                Ok(())
            }
        }
    }

    pub(super) async fn patched(
        &mut self,
        at: usize,
        mut record: Record,
        version: u64,
    ) -> Result<()> {
        record.version = version;
        self.accounts[at].version = version;
        self.accounts[at].state = State::Alive;
        self.conclude(&mut record, Outcome::Ok)?;
        let read = self.as_admin(Method::GET, &user_path(&self.accounts[at].id));
        let is_old = |response: &Response| response.status == 200 && response.version() < version;
        self.probe(&read, is_old, &format!("a read after version {version}"))
            .await;
        Ok(())
    }

    /// Renames a user with a version that is no longer current: it must fail.
    pub(super) async fn patch_stale(&mut self) -> Result<()> {
        let Some(at) = self.pick().filter(|at| self.accounts[*at].version > 1) else {
            return Ok(());
        };
        let (email, version) = (self.accounts[at].email.clone(), self.accounts[at].version);
        let name = format!("stale-{}-{}", self.index, self.count);
        let request = self.patch_request(at, version - 1, &name);
        let mut record = self.intend(Operation::Patch, &email, &name)?;
        let host = self.any_host();
        let settled = self.failover.settle(host, &request, PATIENT).await;
        match settled.verdict {
            Verdict::Done(response) => {
                let what = format!("a patch of {email} with a stale version: {response:?}");
                self.failover.meter.violation(&what);
                self.patched(at, record, response.version()).await
            }
            Verdict::Refused(response) => {
                self.conclude(&mut record, Outcome::Failed)?;
                self.after_refusal(&response).await;
                Ok(())
            }
            // The version is no longer current, so the request has failed in either case.
            Verdict::NotSent | Verdict::Unknown => self.conclude(&mut record, Outcome::Failed),
        }
    }

    pub(super) async fn delete(&mut self) -> Result<()> {
        let Some(at) = self.pick() else {
            return Ok(());
        };
        let (email, id) = (
            self.accounts[at].email.clone(),
            self.accounts[at].id.clone(),
        );
        let request = self.as_admin(Method::DELETE, &user_path(&id));
        let mut record = self.intend(Operation::Delete, &email, &id)?;
        let (host, patience) = (self.any_host(), self.patience());
        let settled = self.failover.settle(host, &request, patience).await;
        record.was_unknown = settled.was_unknown;
        match settled.verdict {
            Verdict::Done(_) => self.deleted(at, record).await,
            Verdict::Refused(response) if response.status == 404 && settled.was_unknown => {
                self.deleted(at, record).await
            }
            other => {
                let unresolved = UnresolvedRequest {
                    account: at,
                    record,
                    request,
                };
                self.not_acknowledged(other, unresolved).await
            }
        }
    }

    pub(super) async fn deleted(&mut self, at: usize, mut record: Record) -> Result<()> {
        self.accounts[at].state = State::Deleted;
        self.conclude(&mut record, Outcome::Ok)?;
        let read = self.as_admin(Method::GET, &user_path(&self.accounts[at].id));
        self.probe(
            &read,
            |response| response.status == 200,
            "a read after deletion",
        )
        .await;
        Ok(())
    }
}

/// Returns the outcome of a request that was rejected in the end.
pub(super) fn refused(was_unknown: bool) -> Outcome {
    match was_unknown {
        true => Outcome::Unknown,
        false => Outcome::Failed,
    }
}
