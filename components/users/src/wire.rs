//! The JSON of the users resource: what clients send and what they get.
//!
//! Requests name every field that they may have; any other is refused.

use accounts::users::list::ListParameters;
use accounts::{Error, NewUser, User, UserPatch};
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// Body of `POST /api/v1/users`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    email: String,
    full_name: String,
    password: Option<String>,
    role: Option<String>,
    is_active: Option<bool>,
}

impl CreateUser {
    pub fn parse(self) -> Result<NewUser, Error> {
        let role = self.role.as_deref();
        NewUser::parse(
            &self.email,
            &self.full_name,
            self.password,
            role,
            self.is_active,
        )
    }
}

/// Body of `PATCH /api/v1/users/{id}`: a merge patch of fields that cannot be removed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchUser {
    #[serde(default, deserialize_with = "not_null")]
    email: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    full_name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    role: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    is_active: Option<bool>,
}

impl PatchUser {
    pub fn parse(self) -> Result<UserPatch, Error> {
        let (email, full_name) = (self.email.as_deref(), self.full_name.as_deref());
        UserPatch::parse(email, full_name, self.role.as_deref(), self.is_active)
    }
}

/// In a merge patch `null` removes a member (RFC 7396); a user keeps all of theirs.
fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Query of `GET /api/v1/users`. Text, so that each refusal can say what it wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListUsers {
    pub cursor: Option<String>,
    limit: Option<String>,
    sort: Option<String>,
    email: Option<String>,
    role: Option<String>,
    is_active: Option<String>,
    q: Option<String>,
    created_after: Option<String>,
    created_before: Option<String>,
    include_total: Option<String>,
}

impl From<ListUsers> for ListParameters {
    fn from(query: ListUsers) -> Self {
        Self {
            limit: query.limit,
            sort: query.sort,
            email: query.email,
            role: query.role,
            is_active: query.is_active,
            q: query.q,
            created_after: query.created_after,
            created_before: query.created_before,
            include_total: query.include_total,
        }
    }
}

/// A user as clients see it.
#[derive(Serialize)]
pub struct UserView {
    id: Uuid,
    email: String,
    full_name: String,
    role: &'static str,
    is_active: bool,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    version: i64,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            email: user.email.as_str().to_owned(),
            full_name: user.full_name.as_str().to_owned(),
            role: user.role.as_str(),
            is_active: user.is_active,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

/// A page of users.
#[derive(Serialize)]
pub struct UserList {
    pub items: Vec<UserView>,
    /// The cursor of the next page, or `null` on the last one.
    pub next: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}
