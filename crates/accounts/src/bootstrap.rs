//! The first admin: made once, from what the operator configured, when they first sign in or before.

use spin_pg_bindings::postgres::Database;

use crate::audit::Actor;
use crate::email::Email;
use crate::hashing::Hasher;
use crate::password::{Guess, Password};
use crate::placeholder::is_placeholder;
use crate::{Error, UserId};

/// The full name that the first admin starts with.
const FULL_NAME: &str = "Administrator";
/// Shorter passwords are refused: nobody remembers this one, and it opens everything.
const MIN_CHARACTERS: usize = 12;

/// Who the first admin is.
pub struct Bootstrap {
    email: Email,
    password: Password,
    hasher: Hasher,
}

/// The row in `bootstrap` makes it happen once, for ever; an admin who is there already makes it
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

/// The configured password of the first admin: 12 characters or more, no placeholder of an example,
/// and without the admin's own email.
///
/// # Errors
/// Why the password cannot be an admin's.
pub fn parse_password(email: &Email, text: &str) -> Result<Password, &'static str> {
    let password = Password::parse(text.to_owned())?;
    if text.chars().count() < MIN_CHARACTERS {
        return Err("must have at least 12 characters");
    }
    if is_placeholder(text) {
        return Err("is the placeholder of an example; choose another");
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
    /// Why the password cannot be an admin's.
    pub fn new(email: Email, password: &str, hasher: Hasher) -> Result<Self, &'static str> {
        let password = parse_password(&email, password)?;
        Ok(Self {
            email,
            password,
            hasher,
        })
    }

    /// Whether the database never had a first admin, and has no other either.
    pub async fn is_due(database: &dyn Database) -> Result<bool, Error> {
        Ok(!database.read(IS_DUE, Vec::new()).await?.is_empty())
    }

    /// Creates the admin without waiting for their login; `None` when it is not due any more.
    ///
    /// # Errors
    /// [`Error::EmailTaken`] when somebody without the role has the email.
    pub async fn create(
        &self,
        database: &dyn Database,
        actor: &Actor,
    ) -> Result<Option<UserId>, Error> {
        if !Self::is_due(database).await? {
            return Ok(None);
        }
        let hash = self.hasher.run(|| self.password.hash()).await?;
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

    /// Creates the admin when this is their first login, with the configured password. True when the
    /// guess is worth another look: now there is an admin, made here or by a login at the same time.
    /// Asked only after the guess was counted: else the configured password could be guessed without
    /// a limit.
    pub(crate) async fn create_if_first(
        &self,
        database: &dyn Database,
        email: &Email,
        guess: &Guess,
        actor: &Actor,
    ) -> Result<bool, Error> {
        if *email != self.email || !guess.is_text(self.password.as_str()) {
            return Ok(false);
        }
        match self.create(database, actor).await {
            // Somebody without a role has this email: the operator must choose.
            Err(Error::EmailTaken) => Ok(false),
            other => other.map(|_| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_others_know_are_refused() {
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
