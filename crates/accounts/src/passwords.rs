//! Setting passwords: by who knows the old one, and by who holds a reset token.

mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::breached::BreachedPasswords;
use crate::cache::Cache;
use crate::client_address::ClientAddress;
use crate::credentials::Credentials;
use crate::error::FieldError;
use crate::hashing::Hasher;
use crate::password::context::ContextWords;
use crate::password::{Guess, Password, PasswordHash};
use crate::session::{OpaqueToken, SessionId};
use crate::{Error, User, UserId};

/// How long a reset token can be used.
pub const RESET_HOURS: i32 = 1;

/// Turns acceptable new passwords into hashes. Cheap to clone.
#[derive(Clone)]
pub struct NewPasswords {
    breached: BreachedPasswords,
    hasher: Hasher,
}

impl NewPasswords {
    pub fn new(breached: BreachedPasswords, hasher: Hasher) -> Self {
        Self { breached, hasher }
    }

    /// The hash of a new password; one that is known from a data breach is an error of `field`.
    pub(crate) async fn hash(
        &self,
        field: &'static str,
        password: &Password,
    ) -> Result<PasswordHash, Error> {
        // Before there is a slot for the hash: nobody waits for one while a server is asked.
        let breached = self.breached.refuse_breached(password).await;
        breached.map_err(|detail| invalid(field, detail))?;
        self.hasher.run(|| password.hash()).await
    }
}

/// A token with which a user sets a password, shown once.
#[derive(Debug)]
pub struct ResetToken {
    pub token: OpaqueToken,
    pub expires_at: OffsetDateTime,
}

/// Changes and resets passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    database: Arc<dyn Database>,
    cache: Cache,
    credentials: Credentials,
    new: NewPasswords,
}

impl Passwords {
    pub fn new(
        database: Arc<dyn Database>,
        cache: Cache,
        credentials: Credentials,
        new: NewPasswords,
    ) -> Self {
        Self {
            database,
            cache,
            credentials,
            new,
        }
    }

    /// Replaces the user's own password; all their sessions but `kept` end.
    pub async fn change(
        &self,
        user: &User,
        kept: SessionId,
        old: &Guess,
        new: &Password,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<(), Error> {
        ContextWords::of(&user.email, &user.full_name).refuse("new_password", new)?;
        let user = user.id;
        let old = self
            .confirm(user, old, "old_password", address, actor)
            .await?;
        let new = self.new.hash("new_password", new).await?;
        let generation = self.cache.generation();
        let changed = store::change(&*self.database, user, kept, &old, &new, actor).await;
        let changed = self.cache.settle(changed, Some(user), None).await?;
        // Another change came first: what was given as the old password is no longer it.
        let user = changed.ok_or_else(|| wrong("old_password"))?;
        self.cache.replace(&user, &generation).await;
        Ok(())
    }

    /// Whether the user, who is signed in, knows their password; else an error of `field`.
    pub async fn confirm(
        &self,
        user: UserId,
        guess: &Guess,
        field: &'static str,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<PasswordHash, Error> {
        match self.credentials.confirm(user, guess, address, actor).await {
            Err(Error::WrongPassword) => Err(wrong(field)),
            other => other,
        }
    }

    /// A token with which the user can set a password; an older one is void. For another admin the actor
    /// has to give their own password, which is that of `confirmed`.
    pub async fn create_reset_token(
        &self,
        user: UserId,
        confirmed: Option<&PasswordHash>,
        actor: &Actor,
    ) -> Result<ResetToken, Error> {
        let token = OpaqueToken::generate()?;
        let database = &*self.database;
        let expires_at =
            store::create_reset_token(database, user, &token, confirmed, actor).await?;
        Ok(ResetToken { token, expires_at })
    }

    /// Sets the password of the token's user, whose sessions all end.
    pub async fn reset(&self, token: &str, new: &Password, actor: &Actor) -> Result<(), Error> {
        let token = OpaqueToken::parse(token).ok_or_else(unusable_token)?;
        // Before the hash, which is what a flood of made-up tokens would be after.
        let Some(owner) = store::find_owner(&*self.database, &token).await? else {
            return Err(self.refuse_token(actor).await?);
        };
        let words = ContextWords::of(&owner.email, &owner.full_name);
        words.refuse("new_password", new)?;
        let new = self.new.hash("new_password", new).await?;
        let generation = self.cache.generation();
        let reset = store::reset(&*self.database, &token, &new, actor).await;
        match self.cache.settle(reset, Some(owner.id), None).await? {
            Some(user) => self.cache.replace(&user, &generation).await,
            None => return Err(self.refuse_token(actor).await?),
        }
        Ok(())
    }

    /// The refusal of a token, once it was audited.
    async fn refuse_token(&self, actor: &Actor) -> Result<Error, Error> {
        store::audit_failure(&*self.database, actor).await?;
        Ok(unusable_token())
    }
}

/// A reset token that was never one, is spent, replaced or over: it is not said which.
pub fn unusable_token() -> Error {
    invalid("token", "is not a token that can be used (any more)")
}

pub(crate) fn wrong(field: &str) -> Error {
    invalid(field, "is not the current password")
}

fn invalid(field: &str, detail: &'static str) -> Error {
    Error::Invalid(vec![FieldError::new(field, detail)])
}
