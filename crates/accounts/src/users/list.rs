//! What a list of users is asked for, and a page of the answer.
//!
//! Pages continue from a position (keyset pagination): the sort key and the id of the last user.
//! Each page costs the same, and users created meanwhile neither repeat nor hide others.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::email::Email;
use crate::error::FieldErrors;
use crate::{Error, Role, User};

const DEFAULT_LIMIT: i64 = 20;
const MAX_LIMIT: i64 = 100;

/// The key that a list is ordered by; ids break ties in the same direction.
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
    /// Reads `email` (ascending) or `-email` (descending).
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
                return Err("must be created_at, updated_at, email or full_name, or one after `-`");
            }
        };
        Ok(Self { key, descending })
    }

    /// The position of `user` in this order.
    fn position_of(self, user: &User) -> Position {
        let key = match self.key {
            SortKey::CreatedAt => timestamp(user.created_at),
            SortKey::UpdatedAt => timestamp(user.updated_at),
            SortKey::Email => user.email.as_str().to_owned(),
            SortKey::FullName => user.full_name.as_str().to_owned(),
        };
        Position { key, id: user.id.0 }
    }
}

fn timestamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

/// Where a page ends: the sort key's text and the id. Travels in cursors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub key: String,
    pub id: Uuid,
}

/// The parameters as they were sent, all optional.
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

/// A list of users that makes sense.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// 1 to 100.
    pub limit: i64,
    pub sort: Sort,
    pub email: Option<Email>,
    pub role: Option<Role>,
    pub is_active: Option<bool>,
    /// Prefix of the email or of the full name, in any case.
    pub prefix: Option<String>,
    /// Exclusive.
    pub created_after: Option<OffsetDateTime>,
    /// Exclusive.
    pub created_before: Option<OffsetDateTime>,
    pub include_total: bool,
    /// The page begins behind this.
    pub after: Option<Position>,
}

impl ListQuery {
    /// Parses the parameters; reports everything that is wrong at once.
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

    /// Names the list apart from its page: a cursor continues only the list that it came from.
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

fn parse_limit(text: &str) -> Result<i64, &'static str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(limit) if is_number && limit >= 1 => Ok(limit.min(MAX_LIMIT)),
        // Digits that overflow are still a number over 100.
        Err(_) if is_number => Ok(MAX_LIMIT),
        _ => Err("must be a whole number of at least 1"),
    }
}

fn parse_flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be `true` or `false`"),
    }
}

fn parse_prefix(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err("must be 1 to 200 characters without control characters");
    }
    Ok(text.to_owned())
}

fn parse_time(text: &str) -> Result<OffsetDateTime, &'static str> {
    const WRONG: &str = "must be an RFC 3339 time such as 2026-01-31T12:00:00Z";
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| WRONG)?;
    time.checked_to_offset(time::UtcOffset::UTC)
        .filter(|time| time.year() >= 1)
        .ok_or(WRONG)
}

/// One page of users.
#[derive(Debug)]
pub struct Page {
    pub users: Vec<User>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Position>,
    /// How many users the filters let through, when it was asked for.
    pub total: Option<i64>,
}

impl Page {
    /// `users` holds one more than `limit` when there is a next page.
    pub(super) fn cut(mut users: Vec<User>, query: &ListQuery, total: Option<i64>) -> Self {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = users.len() > limit;
        users.truncate(limit);
        let next = users
            .last()
            .filter(|_| more)
            .map(|user| query.sort.position_of(user));
        Self { users, next, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(change: impl FnOnce(&mut ListParameters)) -> Result<ListQuery, Error> {
        let mut parameters = ListParameters::default();
        change(&mut parameters);
        ListQuery::parse(&parameters)
    }

    #[test]
    fn limits_are_capped_above_and_refused_below() {
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
    fn sorts_are_an_allow_list() {
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
    fn the_context_tells_lists_apart_but_not_pages() {
        let by_name = parse(|p| p.q = Some("Ada".into())).unwrap();
        let same = parse(|p| (p.q, p.limit) = (Some("Ada".into()), Some("5".into()))).unwrap();
        assert_eq!(by_name.context(), same.context());
        assert_ne!(by_name.context(), parse(|_| ()).unwrap().context());
    }

    #[test]
    fn times_are_rfc_3339() {
        assert!(parse_time("2026-01-31T12:00:00+02:00").is_ok());
        for bad in ["2026-01-31", "now", "", "2026-13-01T00:00:00Z", "infinity"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
