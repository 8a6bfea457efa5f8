//! The data that is stored about a user, for themselves.

use serde_json::Value as Json;
use spin_pg_bindings::postgres::{self, FromRow, Row};

use crate::audit::Event;
use crate::session::Session;

/// Sessions and events of a user.
#[derive(Debug)]
pub struct OwnData {
    /// Live sessions, oldest first.
    pub sessions: Vec<Session>,
    /// The newest events that the user caused or was affected by, newest first. Ids and addresses of other users are
    /// left out.
    pub events: Vec<Event>,
    /// Number of all such events.
    pub events_total: i64,
}

impl FromRow for OwnData {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            sessions: list(row.get("sessions")?)?,
            events: list(row.get("events")?)?,
            events_total: row.get("events_total")?,
        })
    }
}

fn list<T: serde::de::DeserializeOwned>(json: Json) -> Result<Vec<T>, postgres::Error> {
    serde_json::from_value(json)
        .map_err(|error| postgres::Error::Other(format!("own data is invalid: {error}")))
}
