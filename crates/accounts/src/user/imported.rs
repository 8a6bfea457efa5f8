//! A user of another system, to be created with their password hash.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::{NoContext, Timestamp, Uuid};

use crate::password::PasswordHash;
use crate::user::attributes::Attributes;
use crate::user::email::Email;
use crate::user::external_id::ExternalId;
use crate::user::full_name::FullName;
use crate::{FieldError, Role, UserId};

/// A user to be imported.
#[derive(Debug)]
pub struct ImportedUser {
    /// `None`: a new one.
    pub id: Option<UserId>,
    pub email: Email,
    pub full_name: FullName,
    pub role: Role,
    pub is_active: bool,
    pub external_id: Option<ExternalId>,
    /// `None`: the time of the import.
    pub created_at: Option<OffsetDateTime>,
    pub password_hash: Option<PasswordHash>,
    pub attributes: Attributes,
}

impl ImportedUser {
    /// Returns the user's id, or a new one that sorts by the time of creation. `now` is the time of the import.
    pub(crate) fn id_or_new(&self, now: OffsetDateTime) -> UserId {
        if let Some(id) = self.id {
            return id;
        }
        let created_at = self.created_at.unwrap_or(now);
        let seconds = u64::try_from(created_at.unix_timestamp()).unwrap_or_default();
        let time = Timestamp::from_unix(NoContext, seconds, created_at.nanosecond());
        UserId(Uuid::new_v7(time))
    }
}

/// Checks that an id is a UUIDv7 (RFC 9562), as all ids of users are.
pub fn check_id(id: Uuid) -> Result<UserId, &'static str> {
    match id.get_version_num() {
        7 => Ok(UserId(id)),
        _ => Err("must be a UUIDv7, such as an id of an export"),
    }
}

/// Checks that a time of creation is from 1970 to `now`: ids, which sort by it, have no earlier one.
pub fn check_created_at(
    time: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, &'static str> {
    match (OffsetDateTime::UNIX_EPOCH..=now).contains(&time) {
        true => Ok(time),
        false => Err("must be between 1970 and now"),
    }
}

/// Outcome of a line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineOutcome {
    Created(UserId),
    /// The user exists, with this id, email and external id; it was not changed.
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
