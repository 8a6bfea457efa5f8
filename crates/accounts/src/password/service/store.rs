//! SQL that sets passwords: one statement per use case, including its audit row.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use time::OffsetDateTime;

use super::RESET_HOURS;
use crate::audit::Actor;
use crate::password::PasswordHash;
use crate::session::{OpaqueToken, SessionId};
use crate::user::service::{Outcome, columns, confirmation_check, outcome};
use crate::{Error, User, UserId};

/// The old hash is compared again: of two changes with the same old password, one succeeds. The kept
/// session moves to the new epoch; the others end.
const CHANGE: &str = concat!(
    "WITH changed AS (
        UPDATE users SET password_hash = $3, session_epoch = session_epoch + 1
        WHERE id = $1 AND is_active AND password_hash = $2 RETURNING *
     ), kept AS (
        UPDATE sessions SET epoch = changed.session_epoch FROM changed
        WHERE sessions.id = $4 AND user_id = changed.id
     ), ended AS (
        DELETE FROM sessions USING changed WHERE user_id = changed.id AND sessions.id <> $4
     ), voided AS (
        DELETE FROM reset_tokens USING changed WHERE user_id = changed.id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'password_changed', id, id, $5, $6 FROM changed
     )
     SELECT ",
    columns!(),
    " FROM changed"
);

pub(super) async fn change(
    database: &dyn Database,
    user: UserId,
    kept: SessionId,
    old: &PasswordHash,
    new: &PasswordHash,
    actor: &Actor,
) -> Result<Option<User>, Error> {
    let params = vec![
        user.0.into(),
        old.as_str().into(),
        new.as_str().into(),
        kept.0.into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    Ok(database.write_opt(CHANGE, params).await?)
}

const CREATE_RESET_TOKEN: &str = concat!(
    "WITH before AS MATERIALIZED (
        SELECT id, role, password_hash FROM users WHERE id = $1 FOR UPDATE
     ), ",
    confirmation_check!("$4", "$7", "true"),
    ", created AS (
        INSERT INTO reset_tokens (hash, user_id, expires_at)
        SELECT $2, id, now() + make_interval(hours => $3::integer) FROM before, confirmation_check
        WHERE confirmed AND NOT needed
        ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at
        RETURNING user_id, expires_at
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'reset_token_created', $4::uuid, user_id, $5, $6 FROM created
     )
     SELECT ",
    outcome!(),
    ", (SELECT expires_at AT TIME ZONE 'UTC' FROM created) AS expires_at"
);

struct Created {
    expires_at: Option<OffsetDateTime>,
    outcome: Outcome,
}

impl FromRow for Created {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            expires_at: row.get("expires_at")?,
            outcome: Outcome::from_row(row)?,
        })
    }
}

pub(super) async fn create_reset_token(
    database: &dyn Database,
    user: UserId,
    token: &OpaqueToken,
    confirmed: Option<&PasswordHash>,
    actor: &Actor,
) -> Result<OffsetDateTime, Error> {
    let params = vec![
        user.0.into(),
        token.hash().into(),
        RESET_HOURS.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
        confirmed.map(PasswordHash::as_str).into(),
    ];
    let created = database.write_opt(CREATE_RESET_TOKEN, params).await?;
    let Created {
        expires_at,
        outcome,
    } = created.ok_or(Error::NotFound)?;
    expires_at.ok_or_else(|| outcome.refusal(None))
}

const FIND_OWNER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM users WHERE id = (
        SELECT user_id FROM reset_tokens WHERE hash = $1 AND expires_at > now())"
);

/// Returns the user of a valid token.
pub(super) async fn find_owner(
    database: &dyn Database,
    token: &OpaqueToken,
) -> Result<Option<User>, Error> {
    let params = vec![token.hash().into()];
    Ok(database.read_opt(FIND_OWNER, params).await?)
}

/// Audits at most once per minute, since anybody can send random tokens.
const AUDIT_FAILURE: &str = "INSERT INTO audit (action, request_id, client)
     SELECT 'reset_failed', $1, $2 WHERE NOT EXISTS (SELECT FROM audit
        WHERE action = 'reset_failed' AND at > now() - interval '1 minute')";

pub(super) async fn audit_failure(database: &dyn Database, actor: &Actor) -> Result<(), Error> {
    let params = vec![actor.request_id.as_str().into(), actor.client().into()];
    database.write(AUDIT_FAILURE, params).await?;
    Ok(())
}

/// The user's row is locked before the token's, as everywhere. If two resets use one token, or a reset
/// meets a statement that voids its token, the second finds the token gone. The account's shared
/// bucket of attempts is deleted with its old password.
const RESET: &str = concat!(
    "WITH owner AS MATERIALIZED (
        SELECT u.id FROM users AS u JOIN reset_tokens AS t ON t.user_id = u.id
        WHERE t.hash = $1 AND t.expires_at > now() FOR UPDATE OF u
     ), used AS (
        DELETE FROM reset_tokens USING owner
        WHERE hash = $1 AND user_id = owner.id AND expires_at > now() RETURNING user_id
     ), changed AS (
        UPDATE users SET password_hash = $2, session_epoch = session_epoch + 1 FROM used
        WHERE id = used.user_id RETURNING users.*
     ), ended AS (
        DELETE FROM sessions USING changed WHERE user_id = changed.id
     ), forgotten AS (
        DELETE FROM login_attempts USING changed
        WHERE key = sha256(convert_to('account ' || changed.id, 'UTF8'))
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'password_reset', id, id, $3, $4 FROM changed
     )
     SELECT ",
    columns!(),
    " FROM changed"
);

pub(super) async fn reset(
    database: &dyn Database,
    token: &OpaqueToken,
    new: &PasswordHash,
    actor: &Actor,
) -> Result<Option<User>, Error> {
    let params = vec![
        token.hash().into(),
        new.as_str().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    Ok(database.write_opt(RESET, params).await?)
}
