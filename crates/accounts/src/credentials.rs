//! Verification of passwords: one policy for login and for every change that requires the password.
//!
//! Guesses are counted in Postgres before anything is hashed, in windows of 15 minutes. A login counts
//! for the client's network and for the account. Networks that signed in to the account within 30 days
//! have buckets of their own there, and so has a signed-in user who confirms a change: strangers, who
//! share one bucket, cannot keep the owner out. At the limit each further guess has to wait, twice as
//! long each time: delays instead of a lockout, up to a minute for a network and 15 for an account.
//! During one the right password is refused like any other. Unknown accounts are counted and take as
//! long as known ones. A refused guess counts nowhere.

mod store;

use std::sync::Arc;
use std::time::Duration;

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::client_address::ClientAddress;
use crate::email::Email;
use crate::hashing::Hasher;
use crate::keys::FingerprintKey;
use crate::metrics::{self, Event};
use crate::password::{Guess, PasswordHash, Verdict};
use crate::{Error, UserId};

pub(crate) use store::forgive;

/// How many wrong guesses there may be before each has to wait.
#[derive(Debug, Clone, Copy)]
pub struct AttemptLimits {
    pub per_account: i32,
    pub per_address: i32,
    /// The first delay; it doubles up to a minute for an address and 15 minutes for an account.
    pub first_delay: Duration,
}

/// Whose password is guessed.
#[derive(Debug, Clone)]
pub enum Whose<'a> {
    /// The account that somebody wants to sign in to; there may be none.
    Account(&'a Email),
    /// A user who is signed in.
    User(UserId),
}

/// A guess that was counted.
pub(crate) struct Attempt {
    /// The bucket of the client's network; a signed-in user's guess has none.
    pub(crate) network_key: Option<Vec<u8>>,
    /// Failures in that bucket, with this guess.
    pub(crate) network_failures: Option<i32>,
    pub(crate) account_key: Vec<u8>,
    /// The user and the hash of their password, if there are such.
    pub(crate) user: Option<UserId>,
    pub(crate) hash: Option<PasswordHash>,
}

/// A right password.
pub(crate) struct Verified {
    pub(crate) attempt: Attempt,
    pub(crate) user: UserId,
    pub(crate) hash: PasswordHash,
    /// The same password in NFC under today's cost, when the stored hash is of another form or cost.
    pub(crate) rehashed: Option<PasswordHash>,
}

/// Checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    database: Arc<dyn Database>,
    hasher: Hasher,
    limits: AttemptLimits,
    emails: FingerprintKey,
}

impl Credentials {
    /// `emails` is the key of [`crate::keys::Purpose::LoginEmail`].
    pub fn new(
        database: Arc<dyn Database>,
        hasher: Hasher,
        limits: AttemptLimits,
        emails: FingerprintKey,
    ) -> Self {
        Self {
            database,
            hasher,
            limits,
            emails,
        }
    }

    /// Counts the guess and compares it, and audits a wrong one. The caller's own statement must
    /// still hold the hash against the stored one: it may have changed meanwhile.
    ///
    /// # Errors
    /// [`Error::WrongPassword`] for a wrong one, an unknown or deactivated user and one without a
    /// password alike; [`Error::TooManyAttempts`]; [`Error::Busy`], which does not count.
    pub(crate) async fn check(
        &self,
        whose: Whose<'_>,
        guess: &Guess,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Verified, Error> {
        match self.compare(&whose, guess, address, actor).await? {
            Ok(verified) => Ok(verified),
            Err(attempt) => Err(self.refuse(&attempt, actor).await?),
        }
    }

    /// Counts the guess, then compares it, both in a slot for hashing: a flood of guesses that finds
    /// none costs Postgres nothing. Gives the attempt back when the guess is wrong.
    pub(crate) async fn compare(
        &self,
        whose: &Whose<'_>,
        guess: &Guess,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Result<Verified, Attempt>, Error> {
        let count = self.count(whose, address, actor);
        let compare = |attempt: Attempt| {
            let stored = attempt.hash.as_ref();
            let verdict = guess.verify(stored)?;
            let outdated = verdict == Verdict::Outdated;
            let rehashed = outdated.then(|| guess.hash()).transpose()?;
            Ok((attempt, verdict, rehashed))
        };
        let (attempt, verdict, rehashed) = self.hasher.run_after(count, compare).await?;
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

    /// What a wrong guess is told, once it was audited.
    pub(crate) async fn refuse(&self, attempt: &Attempt, actor: &Actor) -> Result<Error, Error> {
        metrics::count(Event::LoginFailed);
        store::audit_failure(&*self.database, attempt, actor).await?;
        Ok(Error::WrongPassword)
    }

    /// Forgets the guesses of an account whose password turned out to be known.
    pub(crate) async fn forget(&self, attempt: &Attempt) -> Result<(), Error> {
        store::forget(&*self.database, attempt).await
    }

    /// The same as [`Self::check`] for a user who is signed in, whose guesses are then forgotten.
    pub(crate) async fn confirm(
        &self,
        user: UserId,
        guess: &Guess,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<PasswordHash, Error> {
        let verified = self.check(Whose::User(user), guess, address, actor).await?;
        self.forget(&verified.attempt).await?;
        Ok(verified.hash)
    }

    async fn count(
        &self,
        whose: &Whose<'_>,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<Attempt, Error> {
        let unknown_key = match whose {
            Whose::Account(email) => Some(self.emails.fingerprint(&[email.as_str().as_bytes()])),
            Whose::User(_) => None,
        };
        let (database, limits) = (&*self.database, &self.limits);
        let counted = store::count(database, whose, unknown_key, address, limits, actor).await?;
        counted.map_err(|seconds| {
            metrics::count(Event::LoginThrottled);
            Error::TooManyAttempts(seconds)
        })
    }
}
