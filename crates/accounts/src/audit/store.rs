//! SQL that reads the audit trail. The statements of the changes write the rows.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};

use super::{Event, ListQuery, Page};
use crate::Error;
use crate::pagination::statement::{Filters, Source, read};

/// One page of events.
pub(super) async fn list(database: &dyn Database, query: &ListQuery) -> Result<Page, Error> {
    let mut filters = Filters::none();
    filters.add_option("action = $?", query.action.map(|action| action.into_str()));
    filters.add_option("actor_id = $?", query.actor.map(|actor| actor.0));
    filters.add_option("target_id = $?", query.target);
    filters.add_option(
        "at > ($?::timestamp AT TIME ZONE 'UTC')",
        query.created_after,
    );
    filters.add_option(
        "at < ($?::timestamp AT TIME ZONE 'UTC')",
        query.created_before,
    );
    let source = Source {
        table: "audit",
        columns: "id, at AT TIME ZONE 'UTC' AS at, action, actor_id, target_id, request_id, client",
        column: "at",
        cast: "$?::text::timestamptz",
        descending: query.sort.is_descending(),
    };
    read(
        database,
        &source,
        filters,
        &query.window,
        ListQuery::position_of,
    )
    .await
}

impl FromRow for Event {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Self::read(row, "id")
    }
}

impl Event {
    /// Reads an event whose id is in the column `id`.
    pub(crate) fn read(row: &Row, id: &str) -> Result<Self, postgres::Error> {
        Ok(Self {
            id: row.get(id)?,
            at: row.get("at")?,
            action: row.get("action")?,
            actor_id: row.get("actor_id")?,
            target_id: row.get("target_id")?,
            request_id: row.get("request_id")?,
            client: row.get("client")?,
        })
    }
}
