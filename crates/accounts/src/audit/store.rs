//! SQL that reads the audit trail. The statements of the changes write the rows.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use uuid::Uuid;

use super::{Event, ListQuery, Page};
use crate::Error;
use crate::pagination::statement::{Filters, Order, page};

/// One page of events.
pub(super) async fn list(database: &dyn Database, query: &ListQuery) -> Result<Page, Error> {
    let mut filters = Filters::new();
    filters.add_option("action = $?", query.action);
    filters.add_option("actor_id = $?", query.actor_id);
    filters.add_option("target_id = $?", query.target_id);
    filters.add_option(
        "at > ($?::timestamp AT TIME ZONE 'UTC')",
        query.created_after,
    );
    filters.add_option(
        "at < ($?::timestamp AT TIME ZONE 'UTC')",
        query.created_before,
    );
    let order = Order {
        table: "audit",
        columns: "id, at AT TIME ZONE 'UTC' AS at, action, actor_id, target_id, request_id, client",
        column: "at",
        cast: "$?::text::timestamptz",
        descending: query.descending,
    };
    let after = query.after.as_ref();
    let (sql, params) = page(&order, filters, after, query.limit, query.include_total);
    let rows: Vec<ListRow> = database.read_as(&sql, params).await?;
    let total = rows.first().and_then(|row| row.total);
    let events = rows.into_iter().filter_map(|row| row.event).collect();
    let position_of = ListQuery::position_of;
    Ok(Page::cut(events, query.limit, total, position_of))
}

struct ListRow {
    total: Option<i64>,
    event: Option<Event>,
}

impl FromRow for ListRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let id: Option<Uuid> = row.get("id")?;
        Ok(Self {
            total: row.get("total")?,
            event: id.map(|id| read_event(row, id)).transpose()?,
        })
    }
}

fn read_event(row: &Row, id: Uuid) -> Result<Event, postgres::Error> {
    Ok(Event {
        id,
        at: row.get("at")?,
        action: row.get("action")?,
        actor_id: row.get("actor_id")?,
        target_id: row.get("target_id")?,
        request_id: row.get("request_id")?,
        client: row.get("client")?,
    })
}
