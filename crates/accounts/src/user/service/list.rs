//! Query and page of a list of users.

use time::OffsetDateTime;

use crate::pagination::{self, Position, Window, timestamp};
use crate::user::attributes::AttributeFilter;
use crate::user::email::Email;
use crate::user::external_id::ExternalId;
use crate::user::full_name::FullName;
use crate::{Role, User};

/// Sort key of a list; ids break ties in the same direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    CreatedAt,
    UpdatedAt,
    Email,
    FullName,
}

/// A key and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

/// The newest users first.
impl Default for Sort {
    fn default() -> Self {
        Self {
            key: SortKey::CreatedAt,
            descending: true,
        }
    }
}

impl Sort {
    /// Returns the position of `user` in this order.
    pub(super) fn position_of(self, user: &User) -> Position {
        let key = match self.key {
            SortKey::CreatedAt => timestamp(user.created_at),
            SortKey::UpdatedAt => timestamp(user.updated_at),
            SortKey::Email => user.email.as_str().to_owned(),
            SortKey::FullName => user.full_name.as_str().to_owned(),
        };
        Position { key, id: user.id.0 }
    }
}

/// Query of a list of users: its order, its filters and the part to return.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    pub sort: Sort,
    pub email: Option<Email>,
    pub external_id: Option<ExternalId>,
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    /// Users whose attributes have all of these values.
    pub attributes: Vec<AttributeFilter>,
    /// Prefix of the email or of the full name, in any case and normalization form.
    pub prefix: Option<FullName>,
    /// Exclusive.
    pub created_after: Option<OffsetDateTime>,
    /// Exclusive.
    pub created_before: Option<OffsetDateTime>,
    pub window: Window,
}

impl ListQuery {
    /// Context of a cursor, without the page: a cursor continues only its own list.
    pub fn context(&self) -> String {
        let context = format!(
            "users {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            self.sort,
            self.email.as_ref().map(Email::as_str),
            self.role,
            self.is_active,
            self.prefix.as_ref().map(FullName::as_str),
            self.created_after.map(timestamp),
            self.created_before.map(timestamp),
        );
        // Only if set, so that cursors of releases without these filters remain valid.
        let context = match &self.external_id {
            Some(id) => format!("{context} {:?}", id.as_str()),
            None => context,
        };
        let attributes = self.attributes.iter();
        attributes.fold(context, |context, filter| {
            format!("{context} {:?}", filter.context())
        })
    }
}

/// One page of users.
pub type Page = pagination::Page<User>;
