//! Validation of secrets: long enough, not guessable and not published.

use std::collections::BTreeSet;

use accounts::password::placeholder::is_placeholder;

use super::{ConfigError, Variables};

const MIN_BYTES: usize = 32;
const MIN_DISTINCT: usize = 8;

/// Secrets that look random but are printed in tutorials and standards: FastAPI's security tutorial, RFC 7515
/// (appendix A.1), RFC 7520 (section 3.5), a JWT debugger and a self-hosted auth server's template.
const PUBLISHED: [&str; 5] = [
    "a-string-secret-at-least-256-bits-long",
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
];

impl Variables {
    /// Returns a secret of at least 32 bytes that is neither guessable nor well-known: anyone can sign with a
    /// published key.
    pub fn secret(&self, name: &'static str) -> Result<&[u8], ConfigError> {
        let value = self.text(name)?;
        if value.len() < MIN_BYTES {
            let problem = format!("must have at least {MIN_BYTES} bytes");
            return Err(ConfigError::new(name, problem));
        }
        if is_guessable(value) {
            let problem = "is guessable; use `openssl rand -hex 32`";
            return Err(ConfigError::new(name, problem));
        }
        Ok(value.as_bytes())
    }
}

fn is_guessable(value: &str) -> bool {
    let distinct = value.bytes().collect::<BTreeSet<_>>().len();
    distinct < MIN_DISTINCT
        || is_placeholder(value)
        || PUBLISHED.contains(&value)
        || repeats(value.as_bytes())
        || counts(value.as_bytes())
}

/// Returns true if the value is a repeated shorter text.
fn repeats(value: &[u8]) -> bool {
    let equals_itself_at = |period: usize| {
        let shifted = value.iter().skip(period);
        value.iter().zip(shifted).all(|(a, b)| a == b)
    };
    (1..=value.len() / 2).any(equals_itself_at)
}

/// Returns true if most adjacent bytes differ by at most one, as in `abcdefgh01234567`; in a random hex
/// secret, fewer than one in five do.
fn counts(value: &[u8]) -> bool {
    let steps = value.iter().zip(value.iter().skip(1));
    let small = steps.filter(|(a, b)| a.abs_diff(**b) <= 1).count();
    small > value.len() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<u8>, ConfigError> {
        let variables = Variables::from_pairs([("cursor_key", value)]);
        variables.secret("cursor_key").map(<[u8]>::to_vec)
    }

    #[test]
    fn guessable_secrets_are_rejected() {
        for weak in [
            "",
            "short",
            &"a".repeat(64),
            "change-me-change-me-change-me-0123456789",
            "super-secret-jwt-token-with-at-least-32-characters-long",
            "a-string-secret-at-least-256-bits-long",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            &"0123456789abcdef".repeat(2),
            &"3f9c01d7ab".repeat(4),
            "abcdefghijklmnopqrstuvwxyz0123456789",
        ] {
            assert!(read(weak).is_err(), "{weak}");
        }
    }

    #[test]
    fn random_secrets_are_accepted() {
        for strong in [
            "5a3f0c9be1d24786a0f3c8e75b1d9264",
            "8c0b5f1e7a2d49c6b3e8f0a17d5c92e4418f6b0d3a7ce5921b84f7d06a3c9e5b",
            "q0Zr7vT1nXk3B9mWcJ5hLdPs8YfGa2Ue4Ri6OxNtEzw=",
            "3c7b1f0e-52c7-4d0e-9a61-0f4be8f7a9d2",
        ] {
            assert_eq!(read(strong).unwrap(), strong.as_bytes());
        }
    }
}
