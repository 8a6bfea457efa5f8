//! Audit trail: one row per security event, written by the statement that makes the change.

mod action;
mod store;

use std::sync::Arc;

use serde::Deserialize;
use spin_pg_bindings::postgres::Database;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::pagination::{self, Position, TimeOrder, Window};
use crate::{Error, ServiceAccountId, UserId};

pub use action::{ACTIONS, Action};

/// Originator of a change, for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A user or a service account; `None` before sign-in.
    id: Option<Uuid>,
    is_service_account: bool,
    pub request_id: String,
    /// Fingerprint of the client's address; `None` for commands of an operator.
    pub client: Option<String>,
}

impl Actor {
    pub fn anonymous(request_id: impl Into<String>) -> Self {
        Self {
            id: None,
            is_service_account: false,
            request_id: request_id.into(),
            client: None,
        }
    }

    pub fn user(user: UserId, request_id: impl Into<String>) -> Self {
        Self {
            id: Some(user.0),
            ..Self::anonymous(request_id)
        }
    }

    pub fn service_account(account: ServiceAccountId, request_id: impl Into<String>) -> Self {
        Self {
            id: Some(account.0),
            is_service_account: true,
            ..Self::anonymous(request_id)
        }
    }

    /// Adds the fingerprint of the client's address.
    #[must_use]
    pub fn from_client(mut self, client: impl Into<String>) -> Self {
        self.client = Some(client.into());
        self
    }

    pub fn id(&self) -> Option<Uuid> {
        self.id
    }

    pub fn is_service_account(&self) -> bool {
        self.is_service_account
    }

    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    pub id: Uuid,
    #[serde(with = "crate::utc")]
    pub at: OffsetDateTime,
    pub action: String,
    /// The user or service account that caused the event, if known.
    pub actor_id: Option<Uuid>,
    /// The user or other resource that the event is about, if any.
    pub target_id: Option<Uuid>,
    pub request_id: String,
    /// Fingerprint of the client's address; `None` when no client was involved.
    pub client: Option<String>,
}

/// Query of the audit trail: its order, its filters and the part to return.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    pub sort: TimeOrder,
    pub action: Option<Action>,
    pub actor: Option<UserId>,
    /// Id of a user or another resource.
    pub target: Option<Uuid>,
    /// Exclusive.
    pub created_after: Option<OffsetDateTime>,
    /// Exclusive.
    pub created_before: Option<OffsetDateTime>,
    pub window: Window,
}

impl ListQuery {
    /// Context of a cursor of this list: every parameter but those of the page.
    pub fn context(&self) -> String {
        format!(
            "audit {} {:?} {:?} {:?} {:?} {:?}",
            self.sort.is_descending(),
            self.action.map(|action| action.into_str()),
            self.actor.map(|UserId(id)| id),
            self.target,
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
