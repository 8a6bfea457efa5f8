//! Query and page of a list of users.

use time::OffsetDateTime;

use crate::error::FieldErrors;
use crate::pagination::{self, DEFAULT_LIMIT, parse_flag, parse_limit, parse_time, timestamp};
use crate::user::email::Email;
use crate::user::full_name::FullName;
use crate::{Error, Role, User};

pub use crate::pagination::Position;

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

impl Sort {
    /// Parses `email` (ascending) or `-email` (descending).
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let key = match name {
            "created_at" => SortKey::CreatedAt,
            "updated_at" => SortKey::UpdatedAt,
            "email" => SortKey::Email,
            "full_name" => SortKey::FullName,
            _ => {
                return Err(
                    "must be created_at, updated_at, email or full_name, optionally with the prefix `-`",
                );
            }
        };
        Ok(Self { key, descending })
    }

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

/// List parameters as sent, all optional.
#[derive(Debug, Default, Clone)]
pub struct ListParameters {
    pub limit: Option<String>,
    pub sort: Option<String>,
    pub email: Option<String>,
    pub role: Option<String>,
    pub is_active: Option<String>,
    pub q: Option<String>,
    pub created_after: Option<String>,
    pub created_before: Option<String>,
    pub include_total: Option<String>,
}

/// A valid list query.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// 1 to 100.
    pub limit: i64,
    pub sort: Sort,
    pub email: Option<Email>,
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    /// Prefix of the email or of the full name, in any case and normalization form.
    pub prefix: Option<String>,
    /// Exclusive.
    pub created_after: Option<OffsetDateTime>,
    /// Exclusive.
    pub created_before: Option<OffsetDateTime>,
    pub include_total: bool,
    /// Position after which the page begins.
    pub after: Option<Position>,
}

impl ListQuery {
    /// Parses the parameters and reports all errors at once.
    pub fn parse(parameters: &ListParameters) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let p = parameters;
        let limit = errors.check_option("limit", p.limit.as_deref().map(parse_limit));
        let sort = errors.check_option("sort", p.sort.as_deref().map(Sort::parse));
        let newest_first = Sort {
            key: SortKey::CreatedAt,
            descending: true,
        };
        let query = Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            sort: sort.unwrap_or(newest_first),
            email: errors.check_option("email", p.email.as_deref().map(Email::parse)),
            role: errors.check_option("role", p.role.as_deref().map(Role::parse)),
            is_active: errors.check_option("is_active", p.is_active.as_deref().map(parse_flag)),
            prefix: errors.check_option("q", p.q.as_deref().map(parse_prefix)),
            created_after: errors
                .check_option("created_after", p.created_after.as_deref().map(parse_time)),
            created_before: errors.check_option(
                "created_before",
                p.created_before.as_deref().map(parse_time),
            ),
            include_total: errors
                .check_option("include_total", p.include_total.as_deref().map(parse_flag))
                .unwrap_or(false),
            after: None,
        };
        errors.finish(Some(query))
    }

    /// Context of a cursor, without the page: a cursor continues only its own list.
    pub fn context(&self) -> String {
        format!(
            "users {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            self.sort,
            self.email.as_ref().map(Email::as_str),
            self.role,
            self.is_active,
            self.prefix,
            self.created_after.map(timestamp),
            self.created_before.map(timestamp),
        )
    }
}

fn parse_prefix(text: &str) -> Result<String, &'static str> {
    FullName::parse(text).map(|name| name.as_str().to_owned())
}

/// One page of users.
pub type Page = pagination::Page<User>;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(change: impl FnOnce(&mut ListParameters)) -> Result<ListQuery, Error> {
        let mut parameters = ListParameters::default();
        change(&mut parameters);
        ListQuery::parse(&parameters)
    }

    #[test]
    fn limits_are_capped_at_the_maximum_and_rejected_below_one() {
        for (text, limit) in [
            ("1", 1),
            ("100", 100),
            ("101", 100),
            ("99999999999999999999", 100),
        ] {
            assert_eq!(
                parse(|p| p.limit = Some(text.into())).unwrap().limit,
                limit,
                "{text}"
            );
        }
        for text in ["0", "-1", "", "1.5", "abc", "+5"] {
            assert!(parse(|p| p.limit = Some(text.into())).is_err(), "{text}");
        }
        assert_eq!(parse(|_| ()).unwrap().limit, 20);
    }

    #[test]
    fn unknown_sorts_are_rejected() {
        assert!(Sort::parse("-full_name").unwrap().descending);
        for bad in [
            "",
            "-",
            "password_hash",
            "email,created_at",
            "--email",
            "id; drop table users",
        ] {
            assert!(Sort::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_context_differs_per_list_but_not_per_page() {
        let by_name = parse(|p| p.q = Some("Ada".into())).unwrap();
        let same = parse(|p| (p.q, p.limit) = (Some("Ada".into()), Some("5".into()))).unwrap();
        assert_eq!(by_name.context(), same.context());
        assert_ne!(by_name.context(), parse(|_| ()).unwrap().context());
    }
}
