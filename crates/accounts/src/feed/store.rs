//! SQL that reads the change feed.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};

use super::{FeedEvent, FeedQuery, FeedState};
use crate::Error;
use crate::audit::Event;
use crate::user::service::{columns, user_if_any};

/// Reads the positions of the change feed.
pub(super) async fn state(database: &dyn Database) -> Result<FeedState, Error> {
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
pub(super) async fn events(
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
            event: Event::read(row, "event_id")?,
            user: user_if_any(row)?,
        })
    }
}
