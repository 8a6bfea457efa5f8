//! Resolves the requests without an outcome after the faults.

use anyhow::Result;
use reqwest::Method;

use super::client::{Client, PATIENT, UnresolvedRequest};
use super::failover::{Attempt, Verdict};
use super::log::{Operation, Outcome, Record};
use crate::client::user_path;

impl Client {
    /// Repeats requests without an outcome after the faults.
    pub(super) async fn resolve(&mut self) -> Result<()> {
        for UnresolvedRequest {
            account,
            mut record,
            request,
        } in std::mem::take(&mut self.unresolved)
        {
            let request = request.token(&self.admin_token);
            let host = self.any_host();
            let verdict = self.failover.settle(host, &request, PATIENT).await.verdict;
            record.was_unknown = true;
            match (record.operation, verdict) {
                (Operation::Create, Verdict::Done(response)) => {
                    response.text("id").clone_into(&mut record.id);
                    record.version = response.version();
                    self.conclude(&mut record, Outcome::Ok)?;
                }
                (Operation::Patch, Verdict::Done(response)) => {
                    self.patched(account, record, response.version()).await?;
                }
                (Operation::Patch, Verdict::Refused(response)) if response.status == 412 => {
                    let outcome = self.read_back(account, &mut record).await;
                    self.conclude(&mut record, outcome)?;
                }
                (Operation::Delete, Verdict::Done(_)) => self.deleted(account, record).await?,
                (Operation::Delete, Verdict::Refused(response)) if response.status == 404 => {
                    self.deleted(account, record).await?;
                }
                (_, verdict) => {
                    let what = format!("{record:?} cannot be resolved: {verdict:?}");
                    self.failover.meter.violation(&what);
                }
            }
        }
        Ok(())
    }

    /// Returns the outcome of a patch whose version is no longer current.
    async fn read_back(&self, at: usize, record: &mut Record) -> Outcome {
        let read = self.as_admin(Method::GET, &user_path(&self.accounts[at].id));
        match self.failover.attempt(0, &read).await {
            Attempt::Response(user) if user.status == 200 => {
                record.version = user.version();
                match user.text("full_name") == record.value {
                    true => Outcome::Ok,
                    false => Outcome::Failed,
                }
            }
            _ => Outcome::Unknown,
        }
    }
}
