//! Sessions as the API shows them.

use accounts::SessionId;
use accounts::session::Session;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list::List;

/// A session of the caller.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionView {
    #[schema(example = "019927e2-7c11-7e02-a9b3-4f6d8e0a1c33")]
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T09:30:00.123456Z")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T10:15:30.5Z")]
    last_used_at: OffsetDateTime,
    /// Time of expiry, unless the session is refreshed.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-12-01T10:15:30.5Z")]
    expires_at: OffsetDateTime,
    /// True for the session of this request.
    #[schema(example = true)]
    current: bool,
}

impl SessionView {
    pub fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id.0,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            current: session.id == current,
        }
    }
}

/// A page of sessions.
pub type SessionList = List<SessionView>;
