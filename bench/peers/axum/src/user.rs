//! A user, as stored, cached and sent.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

/// The permissions of a user.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Admin,
}

/// A user without the password hash.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub full_name: String,
    pub role: Role,
    pub is_active: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    pub version: i64,
    /// Sessions of an earlier epoch have ended.
    pub session_epoch: i64,
}

impl User {
    /// Reads the columns of the statements.
    pub fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let role: &str = row.try_get("role")?;
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            full_name: row.try_get("full_name")?,
            role: match role {
                "admin" => Role::Admin,
                _ => Role::User,
            },
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            version: row.try_get("version")?,
            session_epoch: row.try_get("session_epoch")?,
        })
    }

    /// Reads the user of an outer join, if there is one.
    pub fn from_row_if_any(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let id: Option<Uuid> = row.try_get("id")?;
        id.map(|_| Self::from_row(row)).transpose()
    }

    /// Stamp of this state; later states have higher ones.
    pub fn stamp(&self) -> i64 {
        self.version + self.session_epoch
    }
}

/// A user as clients see it.
#[derive(Serialize)]
pub struct View<'a> {
    id: Uuid,
    email: &'a str,
    full_name: &'a str,
    role: Role,
    is_active: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    version: i64,
}

impl<'a> From<&'a User> for View<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            email: &user.email,
            full_name: &user.full_name,
            role: user.role,
            is_active: user.is_active,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

/// Reads a UUID in hyphenated form; `Uuid` accepts others, too.
pub fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 36)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}
