//! Entries of service accounts: `<stamp>:<marks>;<sealed JSON>`, by the rules of users' entries.
//!
//! A mark is the beginning of a key's hash. The lookup of a request compares it before it opens the entry, so that only
//! the holder of a key counts against its account's rate limit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use spin_pg_bindings::redis::{Command, Reply};

use super::put::Put;
use super::{Cache, Generation, millis};
use crate::service_account::key::StoredKey;
use crate::{Error, ServiceAccount, ServiceAccountId};

pub(crate) fn account_key(id: ServiceAccountId) -> String {
    format!("roster:service-account:{id}")
}

impl Cache {
    /// Stores the account that was just read, after the response. A failure costs only speed.
    pub(crate) fn keep_account(&self, account: &ServiceAccount, generation: &Generation) {
        if let Some(command) = self.account_entry(account, 0, generation) {
            self.execute_later(command);
        }
    }

    /// Updates the entry of a changed account.
    pub(crate) async fn replace_account(&self, account: &ServiceAccount, generation: &Generation) {
        if let Some(command) = self.account_entry(account, self.doubt_ttl(), generation) {
            self.retry_until_applied(command).await;
        }
    }

    /// Replaces the entry of a deleted account by a tombstone.
    pub(crate) async fn forget_account(&self, id: ServiceAccountId, generation: &Generation) {
        self.put_tombstone(account_key(id), generation).await;
    }

    /// Returns the outcome of a write to an account, as [`Cache::settle`] does for a user.
    pub(crate) async fn settle_account<T>(
        &self,
        outcome: Result<T, Error>,
        id: ServiceAccountId,
    ) -> Result<T, Error> {
        self.settle_keys(outcome, [account_key(id)].into_iter())
            .await
    }

    /// Returns the account of an entry, if the entry is one of this account.
    pub(crate) fn read_account(
        &self,
        entry: &Reply,
        id: ServiceAccountId,
    ) -> Option<ServiceAccount> {
        let Reply::Bytes(entry) = entry else {
            return None;
        };
        let at = entry.iter().position(|byte| *byte == b';')?;
        let sealed = STANDARD_NO_PAD.decode(entry.get(at + 1..)?).ok()?;
        let json = self.account_key.open(&sealed, id.0.as_bytes())?;
        serde_json::from_slice(&json)
            .ok()
            .filter(|account: &ServiceAccount| account.id == id)
    }

    fn account_entry(
        &self,
        account: &ServiceAccount,
        doubt: i64,
        generation: &Generation,
    ) -> Option<Command> {
        let json = serde_json::to_vec(account).ok()?;
        let sealed = self.account_key.seal(&json, account.id.0.as_bytes()).ok()?;
        let marks: Vec<_> = account.keys.iter().map(StoredKey::mark).collect();
        let payload = format!("{};{}", marks.join(","), STANDARD_NO_PAD.encode(sealed));
        let put = Put {
            key: account_key(account.id),
            session: None,
            ttl: millis(self.ttl),
            stamp: account.version,
            payload: payload.into_bytes(),
            doubt,
            generation,
        };
        Some(put.command())
    }
}
