//! Passwords: what may be one, and how it is kept (Argon2id, RFC 9106).

mod common;
pub(crate) mod context;

use std::fmt;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use utoipa::ToSchema;

use crate::Error;

/// Cost of one hash: 19 MiB of memory, two passes, one lane (OWASP's second choice). Hashes of
/// another cost are replaced when their user signs in.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Longer than any password that was ever accepted, so that a guess stays cheap to refuse.
const GUESS_CHARACTERS: usize = 1_024;

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn internal(error: impl fmt::Display) -> Error {
    Error::Internal(format!("argon2: {error}"))
}

/// A new password as it was typed: 8 to 128 characters, none of the most common ones, no
/// composition rules, nothing cut off.
#[derive(ToSchema)]
#[schema(
    format = "password",
    min_length = 8,
    max_length = 128,
    example = "correct horse battery"
)]
pub struct Password(String);

impl Password {
    pub fn parse(text: String) -> Result<Self, &'static str> {
        match text.chars().count() {
            0..8 => Err("must have at least 8 characters"),
            129.. => Err("must have at most 128 characters"),
            _ if common::is_common(&text) => {
                Err("is one of the most common passwords; choose another")
            }
            _ => Ok(Self(text)),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Hashes with a fresh salt. Takes tens of milliseconds of CPU: only in a slot of
    /// [`crate::hashing::Hasher`].
    pub(crate) fn hash(&self) -> Result<PasswordHash, Error> {
        PasswordHash::of(self.as_bytes())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What somebody says the password is.
#[derive(ToSchema)]
#[schema(
    description = "A password as it was typed, right or wrong.",
    format = "password",
    max_length = 1024,
    example = "correct horse battery"
)]
pub struct Guess(String);

impl Guess {
    /// Any text that is not absurdly long; what is no acceptable password is simply wrong.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        if text.chars().count() > GUESS_CHARACTERS {
            return Err("is too long for a password");
        }
        Ok(Self(text))
    }

    /// Whether the guess is right: as expensive as hashing, and as expensive without a `stored`
    /// hash, so that the time does not tell who has one.
    pub(crate) fn is(&self, stored: Option<&PasswordHash>) -> Result<bool, Error> {
        let Some(stored) = stored else {
            PasswordHash::of(self.0.as_bytes())?;
            return Ok(false);
        };
        let hash = phc::PasswordHash::new(&stored.0).map_err(internal)?;
        Ok(argon2()?.verify_password(self.0.as_bytes(), &hash).is_ok())
    }

    /// Hashes a guess that turned out right, under today's cost.
    pub(crate) fn hash(&self) -> Result<PasswordHash, Error> {
        PasswordHash::of(self.0.as_bytes())
    }

    /// Compares without stopping at the first difference.
    pub(crate) fn is_text(&self, password: &str) -> bool {
        let (guess, password) = (self.0.as_bytes(), password.as_bytes());
        let differing = guess
            .iter()
            .zip(password)
            .fold(0, |all, (a, b)| all | (a ^ b));
        guess.len() == password.len() && differing == 0
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guess(..)")
    }
}

/// A hash in PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    fn of(password: &[u8]) -> Result<Self, Error> {
        let hash = argon2()?.hash_password(password).map_err(internal)?;
        Ok(Self(hash.to_string()))
    }

    /// As it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it was made with another cost than today's.
    pub(crate) fn is_outdated(&self) -> bool {
        let today = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
        !self.0.starts_with(&today)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Password::parse("1x2y3z4".into()).is_err());
        assert!(Password::parse("\u{e9}".repeat(8)).is_ok());
        assert!(Password::parse("x".repeat(128)).is_ok());
        assert!(Password::parse("x".repeat(129)).is_err());
    }

    #[test]
    fn the_most_common_are_refused_in_any_case() {
        for common in ["password1", "QWERTYUIOP", "iloveyou"] {
            assert!(Password::parse(common.into()).is_err(), "{common}");
        }
    }

    #[test]
    fn hashes_are_salted_argon2id_with_our_cost() {
        let password = Password::parse("correct horse".into()).unwrap();
        let (one, two) = (password.hash().unwrap(), password.hash().unwrap());
        let cost = "$argon2id$v=19$m=19456,t=2,p=1$";
        assert!(one.as_str().starts_with(cost), "{}", one.as_str());
        assert!(!one.is_outdated());
        assert_ne!(one, two);
        let shown = format!("{password:?} {one:?}");
        assert_eq!(shown, "Password(..) PasswordHash(..)");
    }

    #[test]
    fn a_guess_is_right_or_wrong_to_the_last_byte() {
        let hash = Password::parse("a".repeat(73)).unwrap().hash().unwrap();
        let guess = |text: String| Guess::parse(text).unwrap();
        assert!(guess("a".repeat(73)).is(Some(&hash)).unwrap());
        assert!(!guess("a".repeat(72)).is(Some(&hash)).unwrap());
        assert!(!guess("a".repeat(73)).is(None).unwrap());
        assert!(guess("abc".into()).is_text("abc"));
        assert!(!guess("abc".into()).is_text("abd") && !guess("ab".into()).is_text("abc"));
    }

    #[test]
    fn an_older_cost_is_verified_and_outdated() {
        let params = Params::new(12_288, 3, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = PasswordHash(old.hash_password(b"correct horse").unwrap().to_string());
        assert!(hash.is_outdated());
        let guess = Guess::parse("correct horse".into()).unwrap();
        assert!(guess.is(Some(&hash)).unwrap());
    }
}
