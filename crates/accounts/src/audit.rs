//! Audit trail: one row per security event, written by the statement that makes the change.

mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::FieldErrors;
use crate::pagination::{self, Position};
use crate::user::parse_uuid;
use crate::{Error, UserId};

/// Originator of a change, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `None` before sign-in.
    pub user: Option<UserId>,
    pub request_id: String,
    /// Fingerprint of the client's address; `None` for commands of an operator.
    pub client: Option<String>,
}

impl Actor {
    pub fn anonymous(request_id: impl Into<String>) -> Self {
        Self {
            user: None,
            request_id: request_id.into(),
            client: None,
        }
    }

    pub fn user(user: UserId, request_id: impl Into<String>) -> Self {
        Self {
            user: Some(user),
            request_id: request_id.into(),
            client: None,
        }
    }

    /// Adds the fingerprint of the client's address.
    #[must_use]
    pub fn from_client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    pub fn id(&self) -> Option<Uuid> {
        self.user.map(|user| user.0)
    }

    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }
}

/// Actions that the statements record.
pub const ACTIONS: &[&str] = &[
    "admin_bootstrapped",
    "email_changed",
    "login_failed",
    "login_succeeded",
    "login_throttled",
    "name_changed",
    "password_changed",
    "password_reset",
    "refresh_failed",
    "refresh_replayed",
    "reset_failed",
    "reset_token_created",
    "role_changed",
    "session_ended",
    "sessions_ended",
    "user_activated",
    "user_created",
    "user_deactivated",
    "user_deleted",
    "user_imported",
    "user_registered",
];

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: Uuid,
    pub at: OffsetDateTime,
    pub action: String,
    /// The user that caused the event, if known.
    pub actor_id: Option<Uuid>,
    /// The user or other resource that the event is about, if any.
    pub target_id: Option<Uuid>,
    pub request_id: String,
    /// Fingerprint of the client's address; `None` when no client was involved.
    pub client: Option<String>,
}

/// List parameters as sent, all optional.
#[derive(Debug, Default, Clone)]
pub struct ListParameters {
    pub limit: Option<String>,
    pub sort: Option<String>,
    pub action: Option<String>,
    pub actor_id: Option<String>,
    pub target_id: Option<String>,
    pub created_after: Option<String>,
    pub created_before: Option<String>,
    pub include_total: Option<String>,
}

/// A valid list query.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// 1 to 100.
    pub limit: i64,
    /// Newest first, which is the default.
    pub descending: bool,
    pub action: Option<&'static str>,
    pub actor_id: Option<Uuid>,
    pub target_id: Option<Uuid>,
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
        let query = Self {
            limit: errors
                .check_option("limit", p.limit.as_deref().map(pagination::parse_limit))
                .unwrap_or(pagination::DEFAULT_LIMIT),
            descending: errors
                .check_option("sort", p.sort.as_deref().map(pagination::parse_time_sort))
                .unwrap_or(true),
            action: errors.check_option("action", p.action.as_deref().map(parse_action)),
            actor_id: errors.check_option("actor_id", p.actor_id.as_deref().map(parse_id)),
            target_id: errors.check_option("target_id", p.target_id.as_deref().map(parse_id)),
            created_after: errors.check_option(
                "created_after",
                p.created_after.as_deref().map(pagination::parse_time),
            ),
            created_before: errors.check_option(
                "created_before",
                p.created_before.as_deref().map(pagination::parse_time),
            ),
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
    pub fn context(&self) -> String {
        format!(
            "audit {} {:?} {:?} {:?} {:?} {:?}",
            self.descending,
            self.action,
            self.actor_id,
            self.target_id,
            self.created_after,
            self.created_before
        )
    }

    fn position_of(event: &Event) -> Position {
        Position {
            key: pagination::timestamp(event.at),
            id: event.id,
        }
    }
}

fn parse_action(text: &str) -> Result<&'static str, &'static str> {
    ACTIONS
        .iter()
        .copied()
        .find(|action| *action == text)
        .ok_or("is not a known audit action")
}

fn parse_id(text: &str) -> Result<Uuid, &'static str> {
    parse_uuid(text).ok_or("must be a UUID in its hyphenated form")
}

/// A page of events.
pub type Page = pagination::Page<Event>;

/// Reads the audit trail. Cheap to clone.
#[derive(Clone)]
pub struct Audit {
    database: Arc<dyn Database>,
}

impl Audit {
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }

    /// One page of events.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, Error> {
        store::list(&*self.database, query).await
    }
}
