//! Setting passwords, with the old password or with a reset token.

mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::cache::Cache;
use crate::client_address::ClientAddress;
use crate::login_attempts::LoginAttempts;
use crate::password::context::ContextWords;
use crate::password::policy::NewPasswords;
use crate::password::{NOT_CURRENT, Password, PasswordHash, SubmittedPassword};
use crate::session::{OpaqueToken, SessionId};
use crate::{Error, User, UserId};

/// Hours that a reset token is valid.
pub const RESET_HOURS: i32 = 1;

/// A token that lets a user set a password, shown once.
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
    login_attempts: LoginAttempts,
    new: NewPasswords,
}

impl Passwords {
    pub fn new(
        database: Arc<dyn Database>,
        cache: Cache,
        login_attempts: LoginAttempts,
        new: NewPasswords,
    ) -> Self {
        Self {
            database,
            cache,
            login_attempts,
            new,
        }
    }

    /// Replaces the user's own password and ends all their sessions but `kept`.
    pub async fn change(
        &self,
        user: &User,
        kept: SessionId,
        old: &SubmittedPassword,
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
        // Another change came first: the given old password is no longer the current one.
        let user = changed.ok_or_else(|| Error::invalid("old_password", NOT_CURRENT))?;
        self.cache.replace(&user, &generation).await;
        Ok(())
    }

    /// Verifies the password of a signed-in user; a wrong one is an error of `field`.
    pub async fn confirm(
        &self,
        user: UserId,
        submitted: &SubmittedPassword,
        field: &'static str,
        address: &ClientAddress,
        actor: &Actor,
    ) -> Result<PasswordHash, Error> {
        match self
            .login_attempts
            .confirm(user, submitted, address, actor)
            .await
        {
            Err(Error::WrongPassword) => Err(Error::invalid(field, NOT_CURRENT)),
            other => other,
        }
    }

    /// Creates a token that lets the user set a password, and invalidates an older one. For another
    /// admin, the actor must give their own password, with the hash `confirmed`.
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

    /// Sets the password of the token's user and ends all their sessions.
    pub async fn reset(&self, token: &str, new: &Password, actor: &Actor) -> Result<(), Error> {
        let token = OpaqueToken::parse(token).ok_or_else(unusable_token)?;
        // Before the hash, so that a flood of made-up tokens costs no hashing.
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

    /// Audits the rejection of a token and returns its error.
    async fn refuse_token(&self, actor: &Actor) -> Result<Error, Error> {
        store::audit_failure(&*self.database, actor).await?;
        Ok(unusable_token())
    }
}

/// Error of a reset token: unknown, used, replaced or expired, without revealing which.
pub fn unusable_token() -> Error {
    Error::invalid("token", "is invalid, expired or already used")
}
