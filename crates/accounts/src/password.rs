//! Passwords: what may be one, and how it is kept (Argon2id, RFC 9106).

use std::fmt;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};

use crate::Error;

/// Cost of one hash: 19 MiB of memory, two passes, one lane (OWASP's second choice).
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password as it was typed: 8 to 128 characters, no composition rules, nothing cut off.
pub struct Password(String);

impl Password {
    pub fn parse(text: String) -> Result<Self, &'static str> {
        match text.chars().count() {
            0..8 => Err("must have at least 8 characters"),
            8..=128 => Ok(Self(text)),
            _ => Err("must have at most 128 characters"),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Hashes with a fresh salt. Takes tens of milliseconds of CPU.
    pub fn hash(&self) -> Result<PasswordHash, Error> {
        let internal = |error: &dyn fmt::Display| Error::Internal(format!("argon2: {error}"));
        let params =
            Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| internal(&error))?;
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(self.as_bytes())
            .map_err(|error| internal(&error))?;
        Ok(PasswordHash(hash.to_string()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A hash in PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub fn as_str(&self) -> &str {
        &self.0
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
        assert!(Password::parse("1234567".into()).is_err());
        assert!(Password::parse("\u{e9}".repeat(8)).is_ok());
        assert!(Password::parse("x".repeat(128)).is_ok());
        assert!(Password::parse("x".repeat(129)).is_err());
    }

    #[test]
    fn hashes_are_salted_argon2id_with_our_cost() {
        let password = Password::parse("correct horse".into()).unwrap();
        let (one, two) = (password.hash().unwrap(), password.hash().unwrap());
        assert!(
            one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            one.as_str()
        );
        assert_ne!(one, two);
        assert_eq!(
            format!("{password:?} {one:?}"),
            "Password(..) PasswordHash(..)"
        );
    }
}
