//! SQL behind the cache: a session with its user.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row, Superseded};

use crate::session::SessionId;
use crate::user::service::{columns, user_if_any};
use crate::{Error, User, UserId};

/// Returns no user for a session that ended, expired, or has an earlier epoch.
const FIND: &str = concat!(
    "SELECT EXISTS (SELECT FROM sessions WHERE id = $2 AND user_id <> $1) AS is_anothers, ",
    columns!(),
    " FROM (SELECT) AS one LEFT JOIN users ON id = $1 AND EXISTS (
        SELECT FROM sessions AS s WHERE s.id = $2 AND s.user_id = users.id
            AND s.epoch = users.session_epoch AND s.idle_expires_at > now() AND s.expires_at > now())"
);

/// State of a session in Postgres.
pub(super) enum SessionState {
    /// Alive, and of this user.
    Alive(Box<User>),
    /// Ended for good.
    Ended,
    /// Session of another user, possibly alive.
    Anothers,
}

impl FromRow for SessionState {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let is_anothers: bool = row.get("is_anothers")?;
        Ok(match user_if_any(row)? {
            Some(user) => Self::Alive(Box::new(user)),
            None if is_anothers => Self::Anothers,
            None => Self::Ended,
        })
    }
}

/// Finds the user and the session named by a token. `None` if superseded.
pub(super) async fn find(
    database: &dyn Database,
    superseded: Superseded<'_>,
    user: UserId,
    session: SessionId,
) -> Result<Option<SessionState>, Error> {
    let params = vec![user.0.into(), session.0.into()];
    let Some(rows) = database.read_unless(superseded, FIND, params).await? else {
        return Ok(None);
    };
    let row = rows.first();
    let row = row.ok_or_else(|| Error::Internal("the session query returned no row".into()))?;
    Ok(Some(SessionState::from_row(row)?))
}
