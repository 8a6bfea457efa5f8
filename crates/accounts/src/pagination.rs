//! Keyset pagination, shared by all lists.
//!
//! Pages continue from a position: the sort key and the id of the last item. Each page costs the same,
//! and items created in the meantime neither repeat nor hide others.

pub mod statement;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

pub const DEFAULT_LIMIT: i64 = 20;
pub const MAX_LIMIT: i64 = 100;

/// End of a page: the sort key's text and the id. Part of cursors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub key: String,
    pub id: Uuid,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Start of the next page; `None` on the last page.
    pub next: Option<Position>,
    /// Number of items that match the filters, if requested.
    pub total: Option<i64>,
}

impl<T> Page<T> {
    /// Returns the same page with its items converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
            total: self.total,
        }
    }

    /// Creates a page. `items` has one more than `limit` if there is a next page.
    pub fn cut(
        mut items: Vec<T>,
        limit: i64,
        total: Option<i64>,
        position_of: impl FnOnce(&T) -> Position,
    ) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(position_of);
        Self { items, next, total }
    }
}

pub fn timestamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

pub fn parse_limit(text: &str) -> Result<i64, &'static str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(limit) if is_number && limit >= 1 => Ok(limit.min(MAX_LIMIT)),
        // Digits that overflow are still a number over 100.
        Err(_) if is_number => Ok(MAX_LIMIT),
        _ => Err("must be a whole number of at least 1"),
    }
}

/// Returns true if the newest come first.
pub fn parse_time_sort(text: &str) -> Result<bool, &'static str> {
    match text {
        "created_at" => Ok(false),
        "-created_at" => Ok(true),
        _ => Err("must be created_at or -created_at"),
    }
}

pub fn parse_flag(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be `true` or `false`"),
    }
}

pub fn parse_time(text: &str) -> Result<OffsetDateTime, &'static str> {
    const WRONG: &str = "must be an RFC 3339 time such as 2026-01-31T12:00:00Z";
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| WRONG)?;
    time.checked_to_offset(time::UtcOffset::UTC)
        .filter(|time| time.year() >= 1)
        .ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert!(parse_time("2026-01-31T12:00:00+02:00").is_ok());
        for bad in ["2026-01-31", "now", "", "2026-13-01T00:00:00Z", "infinity"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_full_page_has_the_position_of_the_next() {
        let id = Uuid::nil();
        let at = |key: &i32| Position {
            key: key.to_string(),
            id,
        };
        let page = Page::cut(vec![1, 2, 3], 2, None, at);
        assert_eq!(
            (page.items, page.next.unwrap().key),
            (vec![1, 2], "2".into())
        );
        assert!(Page::cut(vec![1, 2], 2, None, at).next.is_none());
    }
}
