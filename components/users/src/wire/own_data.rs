//! JSON of a user's own data.

use accounts::user::own_data::OwnData;
use accounts::{SessionId, User};
use serde::Serialize;
use utoipa::ToSchema;
use web::response::{SessionView, UserView};

use crate::wire::audit::EventView;

/// The data that is stored about the caller.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnData)]
pub struct OwnDataView {
    user: UserView,
    /// Live sessions, oldest first.
    sessions: Vec<SessionView>,
    /// The newest 10,000 events, newest first.
    events: Vec<EventView>,
    /// Number of all events.
    #[schema(minimum = 0, example = 57)]
    events_total: i64,
}

impl OwnDataView {
    /// `current` is the session of the request.
    pub fn new(user: User, data: OwnData, current: SessionId) -> Self {
        let sessions = data.sessions.into_iter();
        Self {
            user: user.into(),
            sessions: sessions
                .map(|session| SessionView::new(session, current))
                .collect(),
            events: data.events.into_iter().map(EventView::from).collect(),
            events_total: data.events_total,
        }
    }
}
