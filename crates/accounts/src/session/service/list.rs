//! Lists of sessions.

use crate::UserId;
use crate::pagination::{self, Position, TimeOrder};
use crate::session::Session;

/// A page of sessions.
pub type Page = pagination::Page<Session>;

/// Context of a cursor of the user's sessions in this order.
pub fn context(user: UserId, order: TimeOrder) -> String {
    format!("sessions {user} {}", order.is_descending())
}

pub(super) fn position_of(session: &Session) -> Position {
    Position {
        key: pagination::timestamp(session.created_at),
        id: session.id.0,
    }
}
