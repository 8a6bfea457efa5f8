//! A service account: a program that calls the API with keys of its own.

pub mod key;
pub mod scope;
pub mod service;

use std::fmt;

use serde::{Deserialize, Serialize};
use spin_pg_bindings::postgres::{self, FromRow, Row};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Error;
use crate::error::FieldErrors;
use key::{PresentedKey, StoredKey};
use scope::Scopes;

/// Id of a service account: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceAccountId(pub Uuid);

impl ServiceAccountId {
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl From<Uuid> for ServiceAccountId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ServiceAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Name of a service account: a DNS label (RFC 1123) that begins with a letter, unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    min_length = 1,
    max_length = 63,
    pattern = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
    example = "billing"
)]
pub struct AccountName(String);

impl AccountName {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        match begins && !text.ends_with('-') && text.len() <= 63 && text.chars().all(is_allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err(
                "must be 1 to 63 characters, a to z, 0 to 9 and -, with a letter first and no - last",
            ),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A service account as stored. Its keys are hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub id: ServiceAccountId,
    pub name: AccountName,
    pub scopes: Scopes,
    pub is_active: bool,
    /// At most two, expired ones among them.
    pub keys: Vec<StoredKey>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// Incremented by every change of the account and its keys.
    pub version: i64,
}

impl ServiceAccount {
    /// Returns the stored key by which the presented one authenticates the account at this time.
    pub(crate) fn accepts(&self, key: &PresentedKey, now: OffsetDateTime) -> Option<&StoredKey> {
        let mut keys = self.keys.iter().filter(|_| self.is_active);
        keys.find(|stored| stored.expires_at > now && key.is(stored))
    }
}

impl FromRow for ServiceAccount {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let stored = |what: &str| postgres::Error::Other(format!("stored {what} is invalid"));
        Ok(Self {
            id: ServiceAccountId(row.get("id")?),
            name: AccountName(row.get("name")?),
            scopes: Scopes::stored(&row.get::<String>("scopes")?).ok_or_else(|| stored("scope"))?,
            is_active: row.get("is_active")?,
            keys: serde_json::from_value(row.get("keys")?).map_err(|_| stored("key"))?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            version: row.get("version")?,
        })
    }
}

/// A service account to be created.
#[derive(Debug)]
pub struct NewServiceAccount {
    pub name: AccountName,
    pub scopes: Scopes,
}

impl NewServiceAccount {
    /// Parses the values of a request and reports all errors at once.
    pub fn parse(name: &str, scopes: &[String]) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", AccountName::parse(name));
        let scopes = errors.check("scopes", Scopes::parse(scopes));
        errors.finish(name.zip(scopes).map(|(name, scopes)| Self { name, scopes }))
    }
}

/// A change of a service account; `None` when a value is not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceAccountPatch {
    pub name: Option<AccountName>,
    pub scopes: Option<Scopes>,
    pub is_active: Option<bool>,
}

impl ServiceAccountPatch {
    /// Parses the values of a request and reports all errors at once.
    pub fn parse(
        name: Option<&str>,
        scopes: Option<&[String]>,
        is_active: Option<bool>,
    ) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let patch = Self {
            name: errors.parse("name", name, AccountName::parse),
            scopes: errors.parse("scopes", scopes, Scopes::parse),
            is_active,
        };
        errors.finish(Some(patch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "billing", "billing-eu-2", &"a".repeat(63)] {
            assert!(AccountName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "1a",
            "A",
            "a_b",
            "a b",
            "\u{e9}",
            &"a".repeat(64),
        ] {
            assert!(AccountName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_invalid_fields_are_reported_at_once() {
        let Err(Error::Invalid(errors)) = NewServiceAccount::parse("A", &["root".into()]) else {
            panic!("accepted")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "scopes"]);
    }
}
