//! SQL that lists sessions.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use uuid::Uuid;

use crate::pagination::statement::{Filters, Order, page};
use crate::session::Session;
use crate::session::service::list::{ListQuery, Page};
use crate::{Error, UserId};

/// Returns one page of the user's live sessions.
pub(in crate::session::service) async fn list(
    database: &dyn Database,
    user: UserId,
    query: &ListQuery,
) -> Result<Page, Error> {
    let mut filters = Filters::new();
    filters.add(
        "user_id = $? AND idle_expires_at > now() AND expires_at > now()
            AND epoch = (SELECT u.session_epoch FROM users AS u WHERE u.id = user_id)",
        user.0,
    );
    let order = Order {
        table: "sessions",
        columns: "id, created_at AT TIME ZONE 'UTC' AS created_at,
            last_used_at AT TIME ZONE 'UTC' AS last_used_at,
            idle_expires_at AT TIME ZONE 'UTC' AS idle_expires_at",
        column: "created_at",
        cast: "$?::text::timestamptz",
        descending: query.descending,
    };
    let after = query.after.as_ref();
    let (sql, params) = page(&order, filters, after, query.limit, query.include_total);
    let rows: Vec<ListRow> = database.read_as(&sql, params).await?;
    let total = rows.first().and_then(|row| row.total);
    let sessions = rows.into_iter().filter_map(|row| row.session).collect();
    let position_of = ListQuery::position_of;
    Ok(Page::cut(sessions, query.limit, total, position_of))
}

struct ListRow {
    total: Option<i64>,
    session: Option<Session>,
}

impl FromRow for ListRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let id: Option<Uuid> = row.get("id")?;
        Ok(Self {
            total: row.get("total")?,
            session: id.map(|_| Session::from_row(row)).transpose()?,
        })
    }
}
