//! A person's name as they write it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// 1 to 200 characters without control characters; spaces around it are taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    min_length = 1,
    max_length = 200,
    pattern = "^[^\\x00-\\x1F\\x7F-\\x9F]*[^\\s\\x00-\\x1F\\x7F-\\x9F][^\\x00-\\x1F\\x7F-\\x9F]*$",
    example = "Ada Lovelace"
)]
pub struct FullName(String);

impl FullName {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.trim().is_empty() {
            return Err("must not be empty");
        }
        if text.chars().count() > 200 {
            return Err("must have at most 200 characters");
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        Ok(Self(text.trim().to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(
            FullName::parse("  Ada Lovelace ").unwrap().as_str(),
            "Ada Lovelace"
        );
        assert!(FullName::parse(&"\u{e9}".repeat(200)).is_ok());
        for bad in ["", "  ", "a\0b", "a\nb", &"a".repeat(201)] {
            assert!(FullName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
