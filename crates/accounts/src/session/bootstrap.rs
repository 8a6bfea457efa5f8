//! First admin: created once from the operator's configuration, at their first login or before.

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::password::hash_slots::HashSlots;
use crate::password::placeholder::is_placeholder;
use crate::password::{Password, SubmittedPassword};
use crate::user::email::Email;
use crate::{Error, UserId};

/// Initial full name of the first admin.
const FULL_NAME: &str = "Administrator";
/// Minimum length: this password is not memorized, and it grants full access.
const MIN_CHARACTERS: usize = 12;

/// Configured first admin.
pub struct Bootstrap {
    email: Email,
    password: Password,
    hash_slots: HashSlots,
}

/// The row in `bootstrap` guarantees that this happens only once, ever. An existing admin makes it
/// unnecessary.
const CREATE: &str = "WITH first AS (
        INSERT INTO bootstrap (only_row)
        SELECT true WHERE NOT EXISTS (SELECT FROM users WHERE role = 'admin')
        ON CONFLICT DO NOTHING RETURNING 1
     ), created AS (
        INSERT INTO users (id, email, full_name, role, is_active, password_hash)
        SELECT $1::uuid, $2::text, $3::text, 'admin', true, $4::text FROM first RETURNING id
     ), audited AS (
        INSERT INTO audit (action, target_id, request_id, client)
        SELECT 'admin_bootstrapped', id, $5, $6 FROM created
     )
     SELECT id FROM created";

const IS_DUE: &str = "SELECT true AS due WHERE NOT EXISTS (SELECT FROM bootstrap) \
     AND NOT EXISTS (SELECT FROM users WHERE role = 'admin')";

/// Parses the configured password of the first admin: at least 12 characters, no placeholder from an
/// example, and without the admin's own email.
///
/// # Errors
/// The reason why the password is not acceptable for an admin.
pub fn parse_password(email: &Email, text: &str) -> Result<Password, &'static str> {
    let password = Password::parse(text.to_owned())?;
    if text.chars().count() < MIN_CHARACTERS {
        return Err("must have at least 12 characters");
    }
    if is_placeholder(text) {
        return Err("is a placeholder from an example; choose another");
    }
    let name = email.as_str().split('@').next().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    if lower.contains(email.as_str()) || lower == name {
        return Err("must not be the email");
    }
    Ok(password)
}

impl Bootstrap {
    /// # Errors
    /// The reason why the password is not acceptable for an admin.
    pub fn new(email: Email, password: &str, hash_slots: HashSlots) -> Result<Self, &'static str> {
        let password = parse_password(&email, password)?;
        Ok(Self {
            email,
            password,
            hash_slots,
        })
    }

    /// Returns true if the database never had a first admin and has no other admin either.
    pub async fn is_due(database: &dyn Database) -> Result<bool, Error> {
        Ok(!database.read(IS_DUE, Vec::new()).await?.is_empty())
    }

    /// Creates the admin without waiting for their login; returns `None` if it is no longer due.
    ///
    /// # Errors
    /// [`Error::EmailTaken`] when a user without the admin role has the email.
    pub async fn create(
        &self,
        database: &dyn Database,
        actor: &Actor,
    ) -> Result<Option<UserId>, Error> {
        if !Self::is_due(database).await? {
            return Ok(None);
        }
        let hash = self.hash_slots.run(|| self.password.hash()).await?;
        let params = vec![
            UserId::generate().0.into(),
            self.email.as_str().into(),
            FULL_NAME.into(),
            hash.as_str().into(),
            actor.request_id.as_str().into(),
            actor.client().into(),
        ];
        let rows = database.write(CREATE, params).await?;
        let id = rows.first().map(|row| row.get("id")).transpose()?;
        Ok(id.map(UserId))
    }

    /// Creates the admin at their first login with the configured password. Returns true if the attempt
    /// should be checked again: an admin now exists, created here or by a concurrent login. Call this
    /// only after the attempt has been counted; otherwise the configured password could be guessed without
    /// a limit.
    pub(crate) async fn create_if_first(
        &self,
        database: &dyn Database,
        email: &Email,
        submitted: &SubmittedPassword,
        actor: &Actor,
    ) -> Result<bool, Error> {
        if *email != self.email || !submitted.matches_text(self.password.as_str()) {
            return Ok(false);
        }
        match self.create(database, actor).await {
            // A user without the admin role has this email: the operator must decide.
            Err(Error::EmailTaken) => Ok(false),
            other => other.map(|_| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessable_bootstrap_passwords_are_rejected() {
        let email = Email::parse("first.administrator@corp.example").unwrap();
        for text in [
            "short",
            "elevenchars",
            "replace-me",
            "please Replace me",
            "change-me-now-1",
            "First.Administrator",
            "first.administrator@corp.example",
            "first.administrator@corp.example!",
        ] {
            assert!(parse_password(&email, text).is_err(), "{text}");
        }
        for text in ["correct horse", "orchid gravel 41 lantern"] {
            assert!(parse_password(&email, text).is_ok(), "{text}");
        }
    }
}
