//! The SQL behind the cache: a session with its user.

use spin_pg_bindings::postgres::Database;

use crate::session::SessionId;
use crate::users::columns;
use crate::{Error, User, UserId};

/// A session that ended or expired, or is of an earlier epoch, has no row here.
const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE id = $1 AND EXISTS (
        SELECT FROM sessions AS s WHERE s.id = $2 AND s.user_id = users.id
            AND s.epoch = users.session_epoch AND s.idle_expires_at > now() AND s.expires_at > now())"
);

/// The user, when the session is theirs and alive.
pub(super) async fn find(
    database: &dyn Database,
    user: UserId,
    session: SessionId,
) -> Result<Option<User>, Error> {
    let params = vec![user.0.into(), session.0.into()];
    Ok(database.read_opt(FIND, params).await?)
}
