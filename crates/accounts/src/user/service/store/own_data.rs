//! SQL of a user's own data.

use spin_pg_bindings::postgres::Database;

use crate::user::own_data::OwnData;
use crate::{Error, UserId};

/// Maximum number of events, the newest ones.
const MAX_EVENTS: i64 = 10_000;

/// Times are JSON in UTC, with microseconds.
const OWN_DATA: &str = "WITH about AS MATERIALIZED (
        SELECT * FROM audit WHERE actor_id = $1 OR target_id = $1
     ), newest AS (
        SELECT * FROM about ORDER BY at DESC, id DESC LIMIT $2
     )
     SELECT
        (SELECT count(*) FROM about) AS events_total,
        (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', id, 'at', at, 'action', action, 'request_id', request_id,
            'actor_id', CASE WHEN actor_id = $1 THEN actor_id END,
            'target_id', CASE WHEN target_id = $1 THEN target_id END,
            'client', CASE WHEN actor_id = $1 OR actor_id IS NULL THEN client END
         ) ORDER BY at DESC, id DESC), '[]') FROM newest) AS events,
        (SELECT coalesce(jsonb_agg(jsonb_build_object(
            'id', id, 'created_at', created_at, 'last_used_at', last_used_at,
            'expires_at', idle_expires_at
         ) ORDER BY created_at, id), '[]') FROM sessions
         WHERE user_id = $1 AND idle_expires_at > now() AND expires_at > now()
            AND epoch = (SELECT session_epoch FROM users WHERE users.id = user_id)) AS sessions";

pub(in crate::user::service) async fn own_data(
    database: &dyn Database,
    user: UserId,
) -> Result<OwnData, Error> {
    let params = vec![user.0.into(), MAX_EVENTS.into()];
    let data = database.read_opt(OWN_DATA, params).await?;
    data.ok_or_else(|| Error::Internal("the query of own data returned no row".into()))
}
