//! JSON of an import.

use accounts::error::FieldErrors;
use accounts::password::PasswordHash;
use accounts::user::attributes::Attributes;
use accounts::user::attributes::schema::Schema;
use accounts::user::email::Email;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::user::imported::{ImportedUser, LineOutcome, LineStatus, check_created_at, check_id};
use accounts::{Error, Role};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;
use web::extract::parameter::{parse_time, parse_uuid};
use web::response::problem::InvalidValue;

/// A line of `POST /api/v1/users/import`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportUser {
    /// Id that the user had in another deployment of Roster, as in its export: a UUIDv7. Defaults to a new one.
    #[schema(value_type = Option<Uuid>, example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    id: Option<String>,
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = FullName)]
    full_name: String,
    /// Defaults to `user`.
    #[schema(value_type = Option<Role>)]
    role: Option<String>,
    /// Defaults to `true`.
    is_active: Option<bool>,
    #[schema(value_type = Option<ExternalId>)]
    external_id: Option<String>,
    /// From 1970 to now; defaults to now.
    #[schema(value_type = Option<OffsetDateTime>, example = "2019-05-01T08:00:00Z")]
    created_at: Option<String>,
    /// Hash of the user's password: bcrypt (`$2a$`, `$2b$`, `$2y$`; cost up to 14), Argon2 in PHC form (up to 64 MiB, 4
    /// lanes, and 512 MiB over all passes), PBKDF2 of passlib (`$pbkdf2-sha256$`, `$pbkdf2-sha512$`) or Django
    /// (`pbkdf2_sha256$`; up to 2,000,000 rounds), or scrypt in PHC form (up to 64 MiB, and 128 MiB over all lanes). It
    /// is replaced at the user's first login. Without it, the user cannot sign in before a password reset.
    #[schema(
        max_length = 256,
        example = "$2b$12$MppoAaJxMaoqV7/CIUOv5e3lG8letUhujKhBplG7YO/N7WdRd6uK2"
    )]
    password_hash: Option<String>,
    #[serde(default)]
    #[schema(value_type = Attributes, required = false)]
    attributes: Map<String, Value>,
}

impl ImportUser {
    /// Parses the values and reports all errors at once. `now` is the time of the import.
    pub fn parse(self, now: OffsetDateTime, schema: &Schema) -> Result<ImportedUser, Error> {
        let mut errors = FieldErrors::default();
        let id = errors.parse("id", self.id.as_deref(), |text| check_id(parse_uuid(text)?));
        let email = errors.check("email", Email::parse(&self.email));
        let full_name = errors.check("full_name", FullName::parse(&self.full_name));
        let role = errors.parse("role", self.role.as_deref(), Role::parse);
        let external_id = self.external_id.as_deref();
        let external_id = errors.parse("external_id", external_id, ExternalId::parse);
        let created_at = errors.parse("created_at", self.created_at.as_deref(), |text| {
            check_created_at(parse_time(text)?, now)
        });
        let password_hash = self.password_hash;
        let password_hash = errors.parse("password_hash", password_hash, PasswordHash::import);
        let parsed = email.zip(full_name).map(|(email, full_name)| ImportedUser {
            id,
            email,
            full_name,
            role: role.unwrap_or(Role::User),
            is_active: self.is_active.unwrap_or(true),
            external_id,
            created_at,
            password_hash,
            attributes: Attributes::default(),
        });
        let parsed = errors.finish(parsed);
        let (parsed, attributes) = Error::both(parsed, schema.new_attributes(self.attributes))?;
        Ok(ImportedUser {
            attributes,
            ..parsed
        })
    }
}

/// Results of an import.
#[derive(Serialize, ToSchema)]
pub struct ImportReport {
    /// Number of new users.
    #[schema(minimum = 0, example = 1)]
    created: usize,
    /// Number of lines whose user exists already.
    #[schema(minimum = 0, example = 0)]
    unchanged: usize,
    /// Number of lines that were not imported.
    #[schema(minimum = 0, example = 1)]
    rejected: usize,
    /// One result per line, in order.
    results: Vec<ImportResult>,
}

/// Result of one line of an import.
#[derive(Serialize, ToSchema)]
pub struct ImportResult {
    /// Number of the line, or of the item of the array, from 1.
    #[schema(minimum = 1, example = 1)]
    line: usize,
    status: LineStatus,
    /// Id of the user; absent for a rejected line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    id: Option<Uuid>,
    /// Invalid values of a rejected line; absent for all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<InvalidValue>,
}

impl ImportResult {
    /// Result of a line that is no valid JSON, or has another shape.
    pub fn malformed(line: usize, errors: Vec<InvalidValue>) -> Self {
        Self {
            line,
            status: LineStatus::Rejected,
            id: None,
            errors,
        }
    }
}

impl From<(usize, LineOutcome)> for ImportResult {
    fn from((line, outcome): (usize, LineOutcome)) -> Self {
        let (status, id, errors) = match outcome {
            LineOutcome::Created(user) => (LineStatus::Created, Some(user.0), Vec::new()),
            LineOutcome::Unchanged(user) => (LineStatus::Unchanged, Some(user.0), Vec::new()),
            LineOutcome::Rejected(errors) => (LineStatus::Rejected, None, errors),
        };
        Self {
            line,
            status,
            id,
            errors: errors.into_iter().map(InvalidValue::from).collect(),
        }
    }
}

impl ImportReport {
    /// Counts the results, and orders them by line.
    pub fn new(mut results: Vec<ImportResult>) -> Self {
        results.sort_by_key(|result| result.line);
        let count = |status| {
            let with_status = results.iter().filter(|result| result.status == status);
            with_status.count()
        };
        Self {
            created: count(LineStatus::Created),
            unchanged: count(LineStatus::Unchanged),
            rejected: count(LineStatus::Rejected),
            results,
        }
    }
}

#[cfg(test)]
mod tests {
    use accounts::FieldError;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 12:00 UTC);

    fn parse(values: Value) -> Result<ImportedUser, Vec<FieldError>> {
        let mut line = json!({ "email": "Ada@Example.com", "full_name": "Ada Lovelace" });
        let members = line.as_object_mut().unwrap();
        members.extend(values.as_object().unwrap().clone());
        let line: ImportUser = serde_json::from_value(line).unwrap();
        line.parse(NOW, &Schema::default())
            .map_err(|error| match error {
                Error::Invalid(errors) => errors,
                other => panic!("{other}"),
            })
    }

    #[test]
    fn only_email_and_name_are_required() {
        let user = parse(json!({})).unwrap();
        assert_eq!(user.email.as_str(), "ada@example.com");
        assert_eq!((user.role, user.is_active), (Role::User, true));
        assert!(user.external_id.is_none() && user.password_hash.is_none());
        assert_eq!(user.created_at, None);
    }

    #[test]
    fn all_invalid_fields_are_reported_at_once() {
        let errors = parse(json!({
            "id": "0191b3a4-0000-4000-8000-000000000000",
            "email": "ada", "full_name": "", "role": "root", "external_id": "",
            "created_at": "yesterday", "password_hash": "velvet anchor 93 maple",
        }))
        .unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        let all = [
            "id",
            "email",
            "full_name",
            "role",
            "external_id",
            "created_at",
            "password_hash",
        ];
        assert_eq!(fields, all);
    }

    #[test]
    fn times_of_creation_are_from_1970_to_now() {
        let parse = |text| parse(json!({ "created_at": text }));
        for bad in ["1969-12-31T23:59:59Z", "2026-11-24T12:00:01Z", "2026-11-24"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for good in ["1970-01-01T00:00:00Z", "2026-11-24T12:00:00Z"] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }
}
