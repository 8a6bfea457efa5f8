//! Values of __names__, parsed before use, and the JSON of a stored __name__.

use accounts::pagination::{Position, timestamp};
use serde::{Deserialize, Serialize};
use spin_pg_bindings::postgres::{self, FromRow, Row};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// Id: a UUIDv7 (RFC 9562), so that ids sort by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct __Name__Id(pub Uuid);

impl __Name__Id {
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

/// Name: 1 to 200 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    min_length = 1,
    max_length = 200,
    pattern = "^[^\\x00-\\x1F\\x7F-\\x9F]+$",
    example = "First __name__"
)]
pub struct __Name__Name(String);

impl __Name__Name {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.chars().count() > 200 {
            return Err("must have at most 200 characters");
        }
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Values of a create request.
#[derive(Debug)]
pub struct New__Name__ {
    pub name: __Name__Name,
}

/// Stored __name__, as in responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct __Name__ {
    /// UUIDv7; ids sort by creation time.
    #[schema(value_type = Uuid, example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    pub id: __Name__Id,
    pub name: __Name__Name,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T09:30:00.123456Z")]
    pub created_at: OffsetDateTime,
}

impl __Name__ {
    /// Position in a list by time of creation.
    pub fn position(&self) -> Position {
        Position {
            key: timestamp(self.created_at),
            id: self.id.0,
        }
    }
}

impl FromRow for __Name__ {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            id: __Name__Id(row.get("id")?),
            // Not parsed: it may have been accepted under older rules.
            name: __Name__Name(row.get("name")?),
            created_at: row.get("created_at")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        assert!(__Name__Name::parse(&"\u{e9}".repeat(200)).is_ok());
        for bad in ["", "a\nb", "a\0", &"a".repeat(201)] {
            assert!(__Name__Name::parse(bad).is_err(), "{bad:?}");
        }
    }
}
