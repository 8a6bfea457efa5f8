//! Users as the API shows them.

use accounts::user::attributes::Attributes;
use accounts::user::email::Email;
use accounts::user::external_id::ExternalId;
use accounts::user::full_name::FullName;
use accounts::{Role, User};
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::entity_tag::ETag;
use super::list::List;
use super::tagged_json;
use crate::Problem;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// UUIDv7; ids sort by creation time.
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
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T09:30:00.123456Z")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T10:15:30.5Z")]
    updated_at: OffsetDateTime,
    /// Increases with every change; the ETag is derived from it.
    #[schema(minimum = 1, example = 3)]
    version: i64,
    /// Absent for users without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ExternalId>, nullable = false)]
    external_id: Option<String>,
    /// Values that the deployment defines (`user_attributes`). Absent if there are none that the caller may see.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    #[schema(required = false)]
    attributes: Attributes,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.as_str().to_owned(),
            full_name: user.full_name.as_str().to_owned(),
            role: user.role,
            is_active: user.is_active,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
            external_id: user.external_id.map(ExternalId::into_string),
            attributes: user.attributes,
        }
    }
}

/// A page of users.
pub type UserList = List<UserView>;

/// Returns the user with its entity tag.
pub fn user(status: StatusCode, user: User) -> Result<Response, Problem> {
    let tag = ETag(user.version);
    tagged_json(status, &UserView::from(user), tag)
}

/// Returns 201 with the user and its `Location`.
pub fn created_user(user: User) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(&format!("/api/v1/users/{}", user.id));
    let mut response = self::user(StatusCode::CREATED, user)?;
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}
