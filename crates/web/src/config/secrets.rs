//! Secrets: what is guessable is refused.

use super::{ConfigError, Variables};

impl Variables {
    /// A secret of at least 32 bytes that is not a placeholder: a key that everybody can look up
    /// signs for everybody.
    pub fn secret(&self, name: &'static str) -> Result<Vec<u8>, ConfigError> {
        const MIN_BYTES: usize = 32;
        const MIN_DISTINCT: usize = 8;
        const PLACEHOLDERS: [&str; 5] = ["change", "example", "insecure", "placeholder", "your-"];

        let value = self.text(name)?;
        if value.len() < MIN_BYTES {
            return Err(ConfigError::new(
                name,
                format!("must have at least {MIN_BYTES} bytes"),
            ));
        }
        let distinct = value
            .bytes()
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        let lower = value.to_ascii_lowercase();
        if distinct < MIN_DISTINCT || PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
            return Err(ConfigError::new(
                name,
                "is guessable; use `openssl rand -hex 32`",
            ));
        }
        Ok(value.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::one;

    #[test]
    fn guessable_secrets_are_refused() {
        for weak in [
            "",
            "short",
            &"a".repeat(64),
            "change-me-change-me-change-me-0123456789",
        ] {
            assert!(
                one("cursor_key", weak).secret("cursor_key").is_err(),
                "{weak}"
            );
        }
        assert!(
            one("cursor_key", &"0123456789abcdef".repeat(2))
                .secret("cursor_key")
                .is_ok()
        );
    }
}
