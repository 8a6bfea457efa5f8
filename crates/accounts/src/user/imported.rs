//! A user of another system, to be created with their password hash.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::{NoContext, Timestamp, Uuid};

use crate::error::FieldErrors;
use crate::pagination::parse_time;
use crate::password::PasswordHash;
use crate::user::email::Email;
use crate::user::external_id::ExternalId;
use crate::user::full_name::FullName;
use crate::{Error, FieldError, Role, UserId};

/// Values of one line of an import, as sent.
#[derive(Debug, Default, Clone)]
pub struct ImportLine {
    pub email: String,
    pub full_name: String,
    pub role: Option<String>,
    pub is_active: Option<bool>,
    pub external_id: Option<String>,
    pub created_at: Option<String>,
    pub password_hash: Option<String>,
}

/// A user to be imported.
#[derive(Debug)]
pub struct ImportedUser {
    pub id: UserId,
    pub email: Email,
    pub full_name: FullName,
    pub role: Role,
    pub is_active: bool,
    pub external_id: Option<ExternalId>,
    /// `None`: the time of the import.
    pub created_at: Option<OffsetDateTime>,
    pub password_hash: Option<PasswordHash>,
}

impl ImportedUser {
    /// Parses the values of a line and reports all errors at once. `now` is the time of the import.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse(line: ImportLine, now: OffsetDateTime) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let email = errors.check("email", Email::parse(&line.email));
        let full_name = errors.check("full_name", FullName::parse(&line.full_name));
        let role = errors.check_option("role", line.role.as_deref().map(Role::parse));
        let external_id = line.external_id.as_deref().map(ExternalId::parse);
        let external_id = errors.check_option("external_id", external_id);
        let created_at = line.created_at.as_deref();
        let created_at = created_at.map(|text| parse_created_at(text, now));
        let created_at = errors.check_option("created_at", created_at);
        let password_hash = line.password_hash.map(PasswordHash::import);
        let password_hash = errors.check_option("password_hash", password_hash);
        let parsed = email.zip(full_name).map(|(email, full_name)| Self {
            id: id_of(created_at.unwrap_or(now)),
            email,
            full_name,
            role: role.unwrap_or(Role::User),
            is_active: line.is_active.unwrap_or(true),
            external_id,
            created_at,
            password_hash,
        });
        errors.finish(parsed)
    }
}

/// Parses a time from 1970 to `now`: ids, which sort by it, have no earlier one.
fn parse_created_at(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, &'static str> {
    let time = parse_time(text)?;
    match (OffsetDateTime::UNIX_EPOCH..=now).contains(&time) {
        true => Ok(time),
        false => Err("must be between 1970 and now"),
    }
}

/// Returns a new id that sorts by the time of creation.
fn id_of(created_at: OffsetDateTime) -> UserId {
    let seconds = u64::try_from(created_at.unix_timestamp()).unwrap_or_default();
    let time = Timestamp::from_unix(NoContext, seconds, created_at.nanosecond());
    UserId(Uuid::new_v7(time))
}

/// What happened to a line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOutcome {
    Created(UserId),
    /// The user exists, with this email and external id; it was not changed.
    Unchanged(UserId),
    Rejected(Vec<FieldError>),
}

/// Kind of the result of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LineStatus {
    Created,
    Unchanged,
    Rejected,
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 12:00 UTC);

    fn line() -> ImportLine {
        ImportLine {
            email: "Ada@Example.com".into(),
            full_name: "Ada Lovelace".into(),
            ..ImportLine::default()
        }
    }

    #[test]
    fn only_email_and_name_are_required() {
        let user = ImportedUser::parse(line(), NOW).unwrap();
        assert_eq!(user.email.as_str(), "ada@example.com");
        assert_eq!((user.role, user.is_active), (Role::User, true));
        assert!(user.external_id.is_none() && user.password_hash.is_none());
        assert_eq!(user.created_at, None);
    }

    #[test]
    fn all_invalid_fields_are_reported_at_once() {
        let line = ImportLine {
            email: "ada".into(),
            full_name: String::new(),
            role: Some("root".into()),
            is_active: None,
            external_id: Some(String::new()),
            created_at: Some("yesterday".into()),
            password_hash: Some("velvet anchor 93 maple".into()),
        };
        let Err(Error::Invalid(errors)) = ImportedUser::parse(line, NOW) else {
            panic!("accepted");
        };
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        let all = [
            "#/email",
            "#/full_name",
            "#/role",
            "#/external_id",
            "#/created_at",
            "#/password_hash",
        ];
        assert_eq!(pointers, all);
    }

    #[test]
    fn times_of_creation_are_from_1970_to_now() {
        let parse = |created_at: &str| {
            let created_at = Some(created_at.to_owned());
            ImportedUser::parse(
                ImportLine {
                    created_at,
                    ..line()
                },
                NOW,
            )
        };
        for bad in ["1969-12-31T23:59:59Z", "2026-11-24T12:00:01Z", "2026-11-24"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let old = parse("1970-01-01T00:00:00Z").unwrap();
        let new = parse("2026-11-24T12:00:00Z").unwrap();
        assert!(old.id.0 < new.id.0, "ids sort by creation");
        assert_eq!(new.id.0.get_version_num(), 7);
    }
}
