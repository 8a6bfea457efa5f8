//! Keyset pagination, shared by all lists.
//!
//! Pages continue from a position: the sort key and the id of the last item. Each page costs the same,
//! and items created in the meantime neither repeat nor hide others.

pub mod statement;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Maximum number of items per page: 1 to 100, 20 by default; 1 to 1,000 in an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(i64);

impl PageSize {
    pub const MAX: Self = Self(100);

    /// Maximum, and default, of an export.
    pub const MAX_OF_EXPORT: Self = Self(1_000);

    /// Returns `None` for a size below 1, and the maximum for a larger one.
    pub fn new(size: i64) -> Option<Self> {
        Self::up_to(Self::MAX, size)
    }

    /// Returns `None` for a size below 1, and the maximum of an export for a larger one.
    pub fn of_export(size: i64) -> Option<Self> {
        Self::up_to(Self::MAX_OF_EXPORT, size)
    }

    fn up_to(max: Self, size: i64) -> Option<Self> {
        (size >= 1).then_some(Self(size.min(max.0)))
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(20)
    }
}

/// Part of a list that one page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    pub size: PageSize,
    pub include_total: bool,
    /// Position after which the page begins.
    pub after: Option<Position>,
}

/// Order of a list by the time of its items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeOrder {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl TimeOrder {
    pub fn is_descending(self) -> bool {
        self == Self::NewestFirst
    }
}

/// Query of a list that is ordered by time and has no filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimeQuery {
    pub sort: TimeOrder,
    pub window: Window,
}

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

    /// Creates a page. `items` has one more than `size` if there is a next page.
    pub fn cut(
        mut items: Vec<T>,
        size: PageSize,
        total: Option<i64>,
        position_of: impl FnOnce(&T) -> Position,
    ) -> Self {
        let size = usize::try_from(size.0).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(position_of);
        Self { items, next, total }
    }
}

pub fn timestamp(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_capped_at_the_maximum_and_rejected_below_one() {
        for (size, accepted) in [(1, 1), (100, 100), (101, 100), (i64::MAX, 100)] {
            assert_eq!(PageSize::new(size), Some(PageSize(accepted)), "{size}");
        }
        for size in [0, -1, i64::MIN] {
            assert_eq!(PageSize::new(size), None, "{size}");
        }
        assert_eq!(PageSize::default().get(), 20);
    }

    #[test]
    fn a_full_page_has_the_position_of_the_next() {
        let id = Uuid::nil();
        let at = |key: &i32| Position {
            key: key.to_string(),
            id,
        };
        let two = PageSize(2);
        let page = Page::cut(vec![1, 2, 3], two, None, at);
        assert_eq!(
            (page.items, page.next.unwrap().key),
            (vec![1, 2], "2".into())
        );
        assert!(Page::cut(vec![1, 2], two, None, at).next.is_none());
    }
}
