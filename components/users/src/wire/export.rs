//! JSON of an export.

use accounts::error::FieldErrors;
use accounts::pagination::PageSize;
use accounts::user::attributes::Attributes;
use accounts::user::email::Email;
use accounts::user::exported::ExportedUser;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::user::service::export::ExportQuery;
use accounts::{Error, Role};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use web::extract::parameter::{parse_export_size, parse_flag};
use web::response::list::List;

/// Query of `GET /api/v1/users/export`. Fields are text, so that each error can describe the expected value.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportUsers {
    /// `next` of the previous page. `password_hashes` must be the same as for that page.
    pub cursor: Option<String>,
    #[param(schema_with = limit)]
    limit: Option<String>,
    /// `true` adds the password hashes, if the deployment allows it (`password_hash_export_enabled`).
    #[param(value_type = Option<bool>, default = false)]
    password_hashes: Option<String>,
}

impl ExportUsers {
    /// Parses the parameters, for the first page, and reports all errors at once.
    pub fn parse(&self) -> Result<ExportQuery, Error> {
        let mut errors = FieldErrors::default();
        let size = errors.parse("limit", self.limit.as_deref(), parse_export_size);
        let hashes = self.password_hashes.as_deref();
        let hashes = errors.parse("password_hashes", hashes, parse_flag);
        errors.finish(Some(ExportQuery {
            size: size.unwrap_or(PageSize::MAX_OF_EXPORT),
            password_hashes: hashes.unwrap_or_default(),
            after: Uuid::nil(),
        }))
    }
}

/// The parameter `limit`.
fn limit() -> Object {
    web::openapi::limit_of_transfer("users per page")
}

/// A user of an export.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedUser)]
pub struct ExportedUserView {
    #[schema(example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    id: Uuid,
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = FullName)]
    full_name: String,
    role: Role,
    /// True when the user can sign in.
    #[schema(example = true)]
    is_active: bool,
    /// Absent for users without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ExternalId>, nullable = false)]
    external_id: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T09:30:00.123456Z")]
    created_at: OffsetDateTime,
    /// Argon2id in PHC form, or the form of an imported hash that was not used yet. Absent unless `password_hashes` is
    /// `true`, and for users without a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 256)]
    password_hash: Option<String>,
    /// Absent for users without attributes.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    #[schema(required = false)]
    attributes: Attributes,
}

/// A page of an export.
pub type ExportedUserList = List<ExportedUserView>;

impl From<ExportedUser> for ExportedUserView {
    fn from(exported: ExportedUser) -> Self {
        let ExportedUser {
            user,
            password_hash,
        } = exported;
        Self {
            id: user.id.0,
            email: user.email.as_str().to_owned(),
            full_name: user.full_name.as_str().to_owned(),
            role: user.role,
            is_active: user.is_active,
            external_id: user.external_id.map(ExternalId::into_string),
            created_at: user.created_at,
            password_hash: password_hash.map(|hash| hash.as_str().to_owned()),
            attributes: user.attributes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(limit: Option<&str>, password_hashes: Option<&str>) -> Result<ExportQuery, Error> {
        let query = ExportUsers {
            cursor: None,
            limit: limit.map(str::to_owned),
            password_hashes: password_hashes.map(str::to_owned),
        };
        query.parse()
    }

    #[test]
    fn pages_are_large_and_without_hashes_by_default() {
        let query = parse(None, None).unwrap();
        assert_eq!((query.size.get(), query.password_hashes), (1_000, false));
        let query = parse(Some("1001"), Some("true")).unwrap();
        assert_eq!((query.size.get(), query.password_hashes), (1_000, true));
    }

    #[test]
    fn all_invalid_parameters_are_reported_at_once() {
        let Err(Error::Invalid(errors)) = parse(Some("0"), Some("yes")) else {
            panic!("accepted")
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["limit", "password_hashes"]);
    }
}
