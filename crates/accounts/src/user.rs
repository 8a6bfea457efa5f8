//! A user, a new user, and a change to a user.

pub mod attributes;
pub mod email;
pub mod exported;
pub mod external_id;
pub mod full_name;
pub mod imported;
pub mod own_data;
pub mod service;

use std::fmt;

use serde::{Deserialize, Serialize};
use spin_pg_bindings::postgres::{self, FromRow, Row};
use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Error;
use crate::error::FieldErrors;
use crate::password::Password;
use crate::password::context::ContextWords;
use crate::user::attributes::{Attributes, AttributesPatch};
use crate::user::email::Email;
use crate::user::external_id::ExternalId;
use crate::user::full_name::FullName;

/// Id of a user: a UUIDv7 (RFC 9562), so that ids sort by creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub Uuid);

impl UserId {
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl From<Uuid> for UserId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The rights of a user.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Role {
    User,
    Admin,
}

impl Role {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "must be `user` or `admin`")
    }

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A user as stored, without the password's hash, which never leaves the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub email: Email,
    pub full_name: FullName,
    pub role: Role,
    pub is_active: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// Incremented by every change that is visible to clients.
    pub version: i64,
    /// Id in the system that the user was imported from. Cache entries and stored responses of earlier
    /// versions lack it.
    #[serde(default)]
    pub external_id: Option<ExternalId>,
    /// Cache entries and stored responses of earlier versions lack them.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Epoch of valid sessions, incremented to end all of them. Not visible to clients.
    #[serde(default)]
    pub session_epoch: i64,
}

impl User {
    /// Returns the stamp, which increases with every kind of change.
    pub(crate) fn stamp(&self) -> i64 {
        self.version.saturating_add(self.session_epoch)
    }
}

impl FromRow for User {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let stored = |what: &str| postgres::Error::Other(format!("stored {what} is invalid"));
        Ok(Self {
            id: UserId(row.get("id")?),
            email: Email::parse(&row.get::<String>("email")?).map_err(|_| stored("email"))?,
            full_name: FullName::stored(row.get("full_name")?),
            role: Role::parse(&row.get::<String>("role")?).map_err(|_| stored("role"))?,
            is_active: row.get("is_active")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
            version: row.get("version")?,
            external_id: row
                .get::<Option<String>>("external_id")?
                .map(ExternalId::stored),
            attributes: Attributes::stored(row.get("attributes")?)?,
            session_epoch: row.get("session_epoch")?,
        })
    }
}

/// A user to be created.
#[derive(Debug)]
pub struct NewUser {
    pub email: Email,
    pub full_name: FullName,
    pub password: Option<Password>,
    pub role: Role,
    pub is_active: bool,
    pub attributes: Attributes,
}

impl NewUser {
    /// Parses the values of a request without attributes, and reports all errors at once.
    pub fn parse(
        email: &str,
        full_name: &str,
        password: Option<String>,
        role: Option<&str>,
        is_active: Option<bool>,
    ) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let email = errors.check("email", Email::parse(email));
        let full_name = errors.check("full_name", FullName::parse(full_name));
        let password = errors.parse("password", password, Password::parse);
        let role = errors.parse("role", role, Role::parse);
        if let (Some(email), Some(name), Some(password)) = (&email, &full_name, &password) {
            let words = ContextWords::of(email, name);
            errors.check("password", words.check(password));
        }
        let parsed = email.zip(full_name).map(|(email, full_name)| Self {
            email,
            full_name,
            password,
            role: role.unwrap_or(Role::User),
            is_active: is_active.unwrap_or(true),
            attributes: Attributes::default(),
        });
        errors.finish(parsed)
    }
}

/// A change of a user; `None` when a value is not changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserPatch {
    pub email: Option<Email>,
    pub full_name: Option<FullName>,
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    pub attributes: AttributesPatch,
}

impl UserPatch {
    /// Parses the values of a request without attributes, and reports all errors at once.
    pub fn parse(
        email: Option<&str>,
        full_name: Option<&str>,
        role: Option<&str>,
        is_active: Option<bool>,
    ) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let patch = Self {
            email: errors.parse("email", email, Email::parse),
            full_name: errors.parse("full_name", full_name, FullName::parse),
            role: errors.parse("role", role, Role::parse),
            is_active,
            attributes: AttributesPatch::default(),
        };
        errors.finish(Some(patch))
    }

    /// Does the same for a user whom `editor` changes by id: only admins change more than the name.
    ///
    /// # Errors
    /// [`Error::Forbidden`], whether the values are valid or not.
    pub fn parse_by(
        editor: Role,
        email: Option<&str>,
        full_name: Option<&str>,
        role: Option<&str>,
        is_active: Option<bool>,
    ) -> Result<Self, Error> {
        let is_for_admins = email.is_some() || role.is_some() || is_active.is_some();
        if is_for_admins && editor != Role::Admin {
            return Err(Error::Forbidden);
        }
        Self::parse(email, full_name, role, is_active)
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_invalid_fields_are_reported_at_once() {
        let error = NewUser::parse("x", " ", Some("short".into()), Some("root"), None).unwrap_err();
        let Error::Invalid(errors) = error else {
            panic!("{error:?}")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["email", "full_name", "password", "role"]);
    }

    #[test]
    fn only_admins_change_more_than_the_name() {
        for (email, role, is_active) in [
            (Some("ada@b.example"), None, None),
            (Some("x"), None, None),
            (None, Some("user"), None),
            (None, None, Some(true)),
        ] {
            let by = |editor| UserPatch::parse_by(editor, email, Some("Ada"), role, is_active);
            assert_eq!(by(Role::User), Err(Error::Forbidden));
            assert_ne!(by(Role::Admin), Err(Error::Forbidden));
        }
        for editor in [Role::User, Role::Admin] {
            assert!(UserPatch::parse_by(editor, None, Some("Ada"), None, None).is_ok());
        }
    }
}
