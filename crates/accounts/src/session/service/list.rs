//! Lists of sessions.

use crate::error::FieldErrors;
use crate::pagination::{self, Position};
use crate::session::Session;
use crate::{Error, UserId};

/// List parameters as sent, all optional.
#[derive(Debug, Default, Clone)]
pub struct ListParameters {
    pub limit: Option<String>,
    pub sort: Option<String>,
    pub include_total: Option<String>,
}

/// A valid list query.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// 1 to 100.
    pub limit: i64,
    /// Newest first, which is the default.
    pub descending: bool,
    pub include_total: bool,
    /// Position after which the page begins.
    pub after: Option<Position>,
}

/// A page of sessions.
pub type Page = pagination::Page<Session>;

impl ListQuery {
    /// Parses the parameters and reports all errors at once.
    pub fn parse(p: &ListParameters) -> Result<Self, Error> {
        let mut errors = FieldErrors::default();
        let query = Self {
            limit: errors
                .check_option("limit", p.limit.as_deref().map(pagination::parse_limit))
                .unwrap_or(pagination::DEFAULT_LIMIT),
            descending: errors
                .check_option("sort", p.sort.as_deref().map(pagination::parse_time_sort))
                .unwrap_or(true),
            include_total: errors
                .check_option(
                    "include_total",
                    p.include_total.as_deref().map(pagination::parse_flag),
                )
                .unwrap_or(false),
            after: None,
        };
        errors.finish(Some(query))
    }

    /// Context of a cursor of this list: every parameter but those of the page.
    pub fn context(&self, user: UserId) -> String {
        format!("sessions {user} {}", self.descending)
    }

    pub(super) fn position_of(session: &Session) -> Position {
        Position {
            key: pagination::timestamp(session.created_at),
            id: session.id.0,
        }
    }
}
