//! Verification of passwords: one policy for login and for every change that requires the password.
//!
//! Attempts are counted in Postgres before hashing, in windows of 15 minutes. A login counts for the
//! client's network and for the account. Networks with a login to the account in the last 30 days have
//! their own buckets there, and so does a signed-in user confirming a change. All other clients share one
//! bucket, so they cannot lock the owner out. At the limit, each further attempt is delayed, twice as
//! long each time: delays instead of a lockout, up to 1 minute for a network and 15 minutes for an account.
//! During a delay, the right password is rejected like any other. Unknown accounts are counted and take
//! as long as known ones. A rejected attempt is not counted.

mod store;

use std::sync::Arc;
use std::time::Duration;

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::client_address::ClientAddress;
use crate::keys::FingerprintKey;
use crate::metrics::{self, Event};
use crate::password::hash_slots::HashSlots;
use crate::password::{PasswordHash, SubmittedPassword, Verdict};
use crate::user::email::Email;
use crate::{Error, UserId};

pub(crate) use store::forgive;

/// Numbers of failed attempts allowed before each further attempt is delayed.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    pub per_account: i32,
    pub per_address: i32,
    /// First delay. It doubles up to 1 minute for an address and 15 minutes for an account.
    pub first_delay: Duration,
}

/// Account to which the password belongs.
#[derive(Debug, Clone)]
pub enum Account<'a> {
    /// Account of a sign-in attempt; may not exist.
    Email(&'a Email),
    /// A signed-in user.
    User(UserId),
}

/// A counted attempt.
pub(crate) struct Attempt {
    /// Bucket of the client's network; `None` for an attempt by a signed-in user.
    pub(crate) network_key: Option<Vec<u8>>,
    /// Failures in that bucket, including this attempt.
    pub(crate) network_failures: Option<i32>,
    pub(crate) account_key: Vec<u8>,
    /// The user and the hash of their password, if they exist.
    pub(crate) user: Option<UserId>,
    pub(crate) hash: Option<PasswordHash>,
}

/// A right password.
pub(crate) struct Verified {
    pub(crate) attempt: Attempt,
    pub(crate) user: UserId,
    pub(crate) hash: PasswordHash,
    /// The same password in NFC at the current cost, if the stored hash has another form or cost.
    pub(crate) rehashed: Option<PasswordHash>,
}

/// Checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct LoginAttempts {
    database: Arc<dyn Database>,
    hash_slots: HashSlots,
    limits: AttemptLimits,
    emails: FingerprintKey,
}

impl LoginAttempts {
    /// Creates the checker. `emails` is the key of [`crate::keys::Purpose::LoginEmail`].
    pub fn new(
        database: Arc<dyn Database>,
        hash_slots: HashSlots,
        limits: AttemptLimits,
        emails: FingerprintKey,
    ) -> Self {
        Self {
            database,
            hash_slots,
            limits,
            emails,
        }
    }

    /// Counts and verifies an attempt, and audits a failed one. The caller's own statement must compare the
    /// hash with the stored one again: it may have changed in the meantime.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] alike for a wrong password, an unknown or deactivated user, and a user
    /// without a password; [`Error::TooManyAttempts`]; [`Error::Busy`], which does not count.
    pub(crate) async fn check(
        &self,
        account: Account<'_>,
        submitted: &SubmittedPassword,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Verified, Error> {
        match self.compare(&account, submitted, address, actor).await? {
            Ok(verified) => Ok(verified),
            Err(attempt) => Err(self.refuse(&attempt, actor).await?),
        }
    }

    /// Counts the attempt, then verifies the password, both in a hashing slot: a flood of attempts without
    /// a slot costs Postgres nothing. Returns the attempt if the password is wrong.
    pub(crate) async fn compare(
        &self,
        account: &Account<'_>,
        submitted: &SubmittedPassword,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Result<Verified, Attempt>, Error> {
        let count = self.count(account, address, actor);
        let compare = |attempt: Attempt| {
            let stored = attempt.hash.as_ref();
            let verdict = submitted.verify(stored)?;
            let outdated = verdict == Verdict::Outdated;
            let rehashed = outdated.then(|| submitted.hash()).transpose()?;
            Ok((attempt, verdict, rehashed))
        };
        let (attempt, verdict, rehashed) = self.hash_slots.run_after(count, compare).await?;
        let right = verdict != Verdict::Wrong;
        Ok(match (right, attempt.user, attempt.hash.clone()) {
            (true, Some(user), Some(hash)) => Ok(Verified {
                attempt,
                user,
                hash,
                rehashed,
            }),
            _ => Err(attempt),
        })
    }

    /// Audits a failed attempt and returns its error.
    pub(crate) async fn refuse(&self, attempt: &Attempt, actor: &Actor) -> Result<Error, Error> {
        metrics::count(Event::LoginFailed);
        store::audit_failure(&*self.database, attempt, actor).await?;
        Ok(Error::WrongPassword)
    }

    /// Resets the failures of an account after its password was verified.
    pub(crate) async fn forget(&self, attempt: &Attempt) -> Result<(), Error> {
        store::forget(&*self.database, attempt).await
    }

    /// Runs [`Self::check`] for a signed-in user and resets their failures.
    ///
    /// # Errors
    /// Those of [`Self::check`]; [`Error::SignedOut`] for a user who was deactivated or deleted meanwhile.
    pub(crate) async fn confirm(
        &self,
        user: UserId,
        submitted: &SubmittedPassword,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<PasswordHash, Error> {
        let account = Account::User(user);
        match self.compare(&account, submitted, address, actor).await? {
            Ok(verified) => {
                self.forget(&verified.attempt).await?;
                Ok(verified.hash)
            }
            // A signed-in user has a password; only an inactive or deleted one has none to compare.
            Err(attempt) if attempt.hash.is_none() => Err(Error::SignedOut),
            Err(attempt) => Err(self.refuse(&attempt, actor).await?),
        }
    }

    async fn count(
        &self,
        account: &Account<'_>,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Attempt, Error> {
        let unknown_key = match account {
            Account::Email(email) => Some(self.emails.fingerprint(&[email.as_str().as_bytes()])),
            Account::User(_) => None,
        };
        let (database, limits) = (&*self.database, &self.limits);
        let counted = store::count(database, account, unknown_key, address, limits, actor).await?;
        counted.map_err(|seconds| {
            metrics::count(Event::LoginThrottled);
            Error::TooManyAttempts(seconds)
        })
    }
}
