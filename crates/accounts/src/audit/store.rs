//! SQL that reads the audit trail. The statements of the changes write the rows.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};

use super::feed::{FeedEvent, FeedQuery, FeedState};
use super::{Event, ListQuery, Page};
use crate::Error;
use crate::pagination::statement::{Filters, Source, read};
use crate::user::service::{columns, user_if_any};

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

/// Reads the positions of the change feed.
pub(super) async fn feed_state(database: &dyn Database) -> Result<FeedState, Error> {
    let sql = "SELECT deleted, last, complete FROM feed_state()";
    let state = database.read_opt(sql, Vec::new()).await?;
    state.ok_or_else(|| Error::Internal("feed_state returned no row".into()))
}

impl FromRow for FeedState {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            deleted: row.get("deleted")?,
            last: row.get("last")?,
            complete: row.get("complete")?,
        })
    }
}

/// The names of the actions are compared with an array, which is empty for all actions.
const FEED: &str = concat!(
    "SELECT event.*, target.* FROM (
        SELECT position, id AS event_id, at AT TIME ZONE 'UTC' AS at, action, actor_id, target_id, request_id, client
        FROM audit
        WHERE position > $1 AND position <= $2 AND ($3::text[] = '{}' OR action = ANY($3))
        ORDER BY position LIMIT $4
     ) AS event LEFT JOIN LATERAL (SELECT ",
    columns!(),
    " FROM users WHERE $5 AND id = event.target_id) AS target ON true
     ORDER BY position"
);

/// Reads events after position `after`, up to `end`.
pub(super) async fn feed(
    database: &dyn Database,
    query: &FeedQuery,
    after: i64,
    end: i64,
) -> Result<Vec<FeedEvent>, Error> {
    let actions = query.actions.iter().map(|action| action.into_str());
    let params = vec![
        after.into(),
        end.into(),
        actions.map(str::to_owned).collect::<Vec<_>>().into(),
        query.size.get().into(),
        query.include_user.into(),
    ];
    Ok(database.read_as(FEED, params).await?)
}

impl FromRow for FeedEvent {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            position: row.get("position")?,
            event: event(row, "event_id")?,
            user: user_if_any(row)?,
        })
    }
}

impl FromRow for Event {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        event(row, "id")
    }
}

/// Reads an event whose id is in the column `id`.
fn event(row: &Row, id: &str) -> Result<Event, postgres::Error> {
    Ok(Event {
        id: row.get(id)?,
        at: row.get("at")?,
        action: row.get("action")?,
        actor_id: row.get("actor_id")?,
        target_id: row.get("target_id")?,
        request_id: row.get("request_id")?,
        client: row.get("client")?,
    })
}
