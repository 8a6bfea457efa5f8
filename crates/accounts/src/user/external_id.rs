//! Ids of users in the system that they were imported from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// 1 to 200 characters without control characters, unique, compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    description = "Id of the user in the system that they are imported from. Unique; compared exactly.",
    min_length = 1,
    max_length = 200,
    pattern = "^[^\\x00-\\x1F\\x7F-\\x9F]+$",
    example = "4711"
)]
pub struct ExternalId(String);

impl ExternalId {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        match text.chars().count() {
            0 => Err("must not be empty"),
            1..=200 => Ok(Self(text.to_owned())),
            _ => Err("must have at most 200 characters"),
        }
    }

    /// Wraps an id that was parsed before it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_as_they_are_and_bounded() {
        for id in ["4711", " a ", "\u{e9}", &"\u{6f22}".repeat(200)] {
            assert_eq!(ExternalId::parse(id).unwrap().as_str(), id);
        }
        for bad in ["", "a\0", "a\n", &"a".repeat(201)] {
            assert!(ExternalId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
