//! SQL that lists sessions.

use spin_pg_bindings::postgres::Database;

use crate::pagination::TimeQuery;
use crate::pagination::statement::{Filters, Source, read};
use crate::session::service::list::{Page, position_of};
use crate::{Error, UserId};

/// Returns one page of the user's live sessions.
pub(in crate::session::service) async fn list(
    database: &dyn Database,
    user: UserId,
    query: &TimeQuery,
) -> Result<Page, Error> {
    let mut filters = Filters::none();
    filters.add(
        "user_id = $? AND idle_expires_at > now() AND expires_at > now()
            AND epoch = (SELECT u.session_epoch FROM users AS u WHERE u.id = user_id)",
        user.0,
    );
    let source = Source {
        table: "sessions",
        columns: "id, created_at AT TIME ZONE 'UTC' AS created_at,
            last_used_at AT TIME ZONE 'UTC' AS last_used_at,
            idle_expires_at AT TIME ZONE 'UTC' AS idle_expires_at",
        column: "created_at",
        cast: "$?::text::timestamptz",
        descending: query.sort.is_descending(),
    };
    read(database, &source, filters, &query.window, position_of).await
}
