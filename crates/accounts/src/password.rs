//! Passwords: requirements and storage (Argon2id, RFC 9106).

pub mod breached;
mod common;
pub(crate) mod context;
pub mod hash_slots;
mod imported;
pub mod placeholder;
pub mod policy;
pub mod service;

use std::fmt;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use crate::Error;

/// Cost of one hash: 19 MiB of memory, two passes, one lane (OWASP's second choice). Hashes with another
/// cost are replaced when their user signs in.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Detail of the error of a wrong password of a signed-in user.
pub(crate) const NOT_CURRENT: &str = "is not the current password";

/// Maximum length of a submitted password: longer than any accepted password, but still cheap to reject.
const MAX_SUBMITTED_CHARACTERS: usize = 1_024;

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn internal(error: impl fmt::Display) -> Error {
    Error::Internal(format!("argon2: {error}"))
}

/// A new password: 8 to 128 characters, none of the most common ones, no composition rules, nothing cut
/// off. In NFC, since keyboards differ in how they compose letters (NIST SP 800-63B-4, section 3.1.1.2).
#[derive(Debug, ToSchema)]
#[schema(
    value_type = String,
    format = "password",
    min_length = 8,
    max_length = 128,
    example = "correct horse battery"
)]
pub struct Password(SecretString);

impl Password {
    pub fn parse(text: String) -> Result<Self, &'static str> {
        if text.chars().count() > 128 {
            return Err("must have at most 128 characters");
        }
        let text: String = text.nfc().collect();
        match text.chars().count() {
            0..8 => Err("must have at least 8 characters"),
            _ if common::is_common(&text) => {
                Err("is one of the most common passwords; choose another")
            }
            _ => Ok(Self(text.into())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.expose_secret()
    }

    /// Hashes with a fresh salt. Takes tens of milliseconds of CPU: call it only in a slot of
    /// [`crate::password::hash_slots::HashSlots`].
    pub(crate) fn hash(&self) -> Result<PasswordHash, Error> {
        PasswordHash::of(self.as_str().as_bytes())
    }
}

/// Outcome of comparing a submitted password with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, but the hash does not have the current cost or was made of text not in NFC.
    Outdated,
}

/// A password as typed by a client, right or wrong.
#[derive(Debug, ToSchema)]
#[schema(
    as = Guess,
    value_type = String,
    description = "A password as entered; it may be wrong.",
    format = "password",
    max_length = 1024,
    example = "correct horse battery"
)]
pub struct SubmittedPassword(SecretString);

impl SubmittedPassword {
    /// Accepts up to 1,024 characters of any text; an unacceptable password is simply wrong.
    pub fn parse(text: String) -> Result<Self, &'static str> {
        if text.chars().count() > MAX_SUBMITTED_CHARACTERS {
            return Err("must have at most 1024 characters");
        }
        Ok(Self(text.into()))
    }

    /// Compares the password in NFC, then as typed if that differs, for hashes made before passwords were
    /// normalized. Takes as long as hashing, also without a `stored` hash, so that the time does not
    /// reveal the existence of one; an imported hash takes as long as its own function.
    pub(crate) fn verify(&self, stored: Option<&PasswordHash>) -> Result<Verdict, Error> {
        let (typed, normal) = (self.0.expose_secret(), self.normal());
        let normal = normal.expose_secret();
        let is = |text: &str| match stored {
            Some(stored) if stored.is_foreign() => stored.matches_foreign(text.as_bytes()),
            Some(stored) => {
                let hash = phc::PasswordHash::new(stored.as_str()).map_err(internal)?;
                Ok(argon2()?.verify_password(text.as_bytes(), &hash).is_ok())
            }
            None => PasswordHash::of(text.as_bytes()).map(|_| false),
        };
        Ok(match is(normal)? {
            true if stored.is_some_and(PasswordHash::is_outdated) => Verdict::Outdated,
            true => Verdict::Right,
            false if normal != typed && is(typed)? => Verdict::Outdated,
            false => Verdict::Wrong,
        })
    }

    /// Hashes a password that proved right, in NFC at the current cost.
    pub(crate) fn hash(&self) -> Result<PasswordHash, Error> {
        PasswordHash::of(self.normal().expose_secret().as_bytes())
    }

    fn normal(&self) -> SecretString {
        self.0.expose_secret().nfc().collect::<String>().into()
    }

    /// Compares with the text of a [`Password`] without stopping at the first difference.
    pub(crate) fn matches_text(&self, password: &str) -> bool {
        let submitted = self.normal();
        let submitted = submitted.expose_secret().as_bytes();
        submitted.ct_eq(password.as_bytes()).into()
    }
}

/// A hash in PHC string format, or in the form of the system that the user was imported from.
#[derive(Debug, Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    fn of(password: &[u8]) -> Result<Self, Error> {
        let hash = argon2()?.hash_password(password).map_err(internal)?;
        Ok(Self::stored(hash.to_string()))
    }

    /// Wraps a stored hash.
    pub(crate) fn stored(text: String) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns true if the hash was not made at the current cost.
    pub(crate) fn is_outdated(&self) -> bool {
        let today = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
        !self.as_str().starts_with(&today)
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
    fn common_passwords_are_rejected_in_any_case() {
        for common in ["password1", "QWERTYUIOP", "iloveyou"] {
            assert!(Password::parse(common.into()).is_err(), "{common}");
        }
    }

    #[test]
    fn hashes_are_salted_argon2id_at_the_configured_cost() {
        let password = Password::parse("correct horse".into()).unwrap();
        let (one, two) = (password.hash().unwrap(), password.hash().unwrap());
        let cost = "$argon2id$v=19$m=19456,t=2,p=1$";
        assert!(one.as_str().starts_with(cost), "{}", one.as_str());
        assert!(!one.is_outdated());
        assert_ne!(one.as_str(), two.as_str());
        let shown = format!("{password:?} {one:?}");
        assert!(!shown.contains("horse") && !shown.contains('$'), "{shown}");
    }

    #[test]
    fn verification_compares_every_byte() {
        let hash = Password::parse("a".repeat(73)).unwrap().hash().unwrap();
        let submitted = |text: String| SubmittedPassword::parse(text).unwrap();
        let verify = |text, hash| submitted(text).verify(hash).unwrap();
        assert_eq!(verify("a".repeat(73), Some(&hash)), Verdict::Right);
        assert_eq!(verify("a".repeat(72), Some(&hash)), Verdict::Wrong);
        assert_eq!(verify("a".repeat(73), None), Verdict::Wrong);
        assert!(submitted("abc".into()).matches_text("abc"));
        assert!(
            !submitted("abc".into()).matches_text("abd")
                && !submitted("ab".into()).matches_text("abc")
        );
    }

    #[test]
    fn a_hash_with_an_older_cost_verifies_as_outdated() {
        let params = Params::new(12_288, 3, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = PasswordHash::stored(old.hash_password(b"correct horse").unwrap().to_string());
        assert!(hash.is_outdated());
        let submitted = SubmittedPassword::parse("correct horse".into()).unwrap();
        assert_eq!(submitted.verify(Some(&hash)).unwrap(), Verdict::Outdated);
    }

    #[test]
    fn passwords_are_normalized_to_nfc() {
        let (composed, decomposed) = ("pass\u{e9} compos\u{e9}", "passe\u{301} compose\u{301}");
        let hash = |text: &str| Password::parse(text.into()).unwrap().hash().unwrap();
        let verify = |text: &str, hash: &_| {
            SubmittedPassword::parse(text.into())
                .unwrap()
                .verify(Some(hash))
        };
        for new in [composed, decomposed] {
            let hash = hash(new);
            for typed in [composed, decomposed] {
                assert_eq!(verify(typed, &hash).unwrap(), Verdict::Right);
            }
        }
        // A hash from before normalization: right as typed then, and replaced.
        let old = PasswordHash::of(decomposed.as_bytes()).unwrap();
        assert_eq!(verify(decomposed, &old).unwrap(), Verdict::Outdated);
        let new = SubmittedPassword::parse(decomposed.into())
            .unwrap()
            .hash()
            .unwrap();
        assert_eq!(verify(composed, &new).unwrap(), Verdict::Right);
        assert!(Password::parse("e\u{301}".repeat(4)).is_err());
    }
}
