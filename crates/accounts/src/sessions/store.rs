//! The SQL of sessions: one statement a use case, the audit row in it.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use uuid::Uuid;

use crate::audit::Actor;
use crate::credentials::{Verified, forgive};
use crate::password::PasswordHash;
use crate::session::{ABSOLUTE_DAYS, IDLE_DAYS, OpaqueToken, Session, SessionId};
use crate::users::{columns, user_if_any};
use crate::{Error, User, UserId};

/// The password that was compared must still be the stored one: the row's lock makes a change of it
/// wait, or is waited for. Expired sessions are swept on the way.
const OPEN: &str = concat!(
    "WITH owner AS MATERIALIZED (
        SELECT * FROM users WHERE id = $1 AND is_active AND password_hash = $2 FOR UPDATE
     ), rehashed AS (
        UPDATE users SET password_hash = $3::text FROM owner
        WHERE users.id = owner.id AND $3::text IS NOT NULL
     ), opened AS (
        INSERT INTO sessions (id, user_id, epoch, idle_expires_at, expires_at)
        SELECT $4::uuid, id, session_epoch, now() + make_interval(days => $5::integer),
            now() + make_interval(days => $6::integer)
        FROM owner RETURNING id
     ), issued AS (
        INSERT INTO refresh_tokens (hash, session_id) SELECT $7::bytea, id FROM opened
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'login_succeeded', id, id, $8, $11 FROM owner
     ), swept AS (
        DELETE FROM sessions WHERE id IN (
            SELECT id FROM sessions WHERE idle_expires_at < now()
            ORDER BY idle_expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), ",
    forgive!("$9::bytea", "$10::bytea"),
    "SELECT ",
    columns!(),
    " FROM owner"
);

pub(super) async fn open(
    database: &dyn Database,
    verified: &Verified,
    session: SessionId,
    refresh_token: &OpaqueToken,
    actor: &Actor,
) -> Result<Option<User>, Error> {
    let rehashed = verified.rehashed.as_ref().map(PasswordHash::as_str);
    let params = vec![
        verified.user.0.into(),
        verified.hash.as_str().into(),
        rehashed.into(),
        session.0.into(),
        IDLE_DAYS.into(),
        ABSOLUTE_DAYS.into(),
        refresh_token.hash().into(),
        actor.request_id.as_str().into(),
        verified.attempt.address_key.clone().into(),
        verified.attempt.account_key.clone().into(),
        actor.client().into(),
    ];
    Ok(database.write_opt(OPEN, params).await?)
}

/// What became of a refresh token.
pub(super) enum Rotated {
    To(Box<User>, SessionId),
    /// It was spent before; its session is over now.
    Replayed(SessionId),
    Refused,
}

/// Spending is the UPDATE's own condition: of tokens that arrive together one is spent, and the
/// others find it spent. A token that cannot be spent although its session lives is a replay. The
/// session's row is locked first, as whoever ends one does.
const ROTATE: &str = concat!(
    "WITH presented AS MATERIALIZED (
        SELECT t.session_id, s.user_id,
            s.idle_expires_at > now() AND s.expires_at > now() AND s.epoch = u.session_epoch
                AND u.is_active AS alive
        FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session_id
            JOIN users AS u ON u.id = s.user_id
        WHERE t.hash = $1
        FOR UPDATE OF s
     ), spent AS (
        UPDATE refresh_tokens SET spent_at = now() FROM presented
        WHERE hash = $1 AND spent_at IS NULL AND presented.alive
        RETURNING presented.session_id, presented.user_id
     ), prolonged AS (
        UPDATE sessions SET last_used_at = now(),
            idle_expires_at = least(now() + make_interval(days => $3::integer), expires_at)
        FROM spent WHERE id = spent.session_id RETURNING id
     ), issued AS (
        INSERT INTO refresh_tokens (hash, session_id) SELECT $2::bytea, id FROM prolonged
     ), ended AS (
        DELETE FROM sessions USING presented
        WHERE id = presented.session_id AND presented.alive AND NOT EXISTS (SELECT FROM spent)
        RETURNING id, presented.user_id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'refresh_replayed', NULL::uuid, user_id, $4, $5 FROM ended
     )
     SELECT (SELECT session_id FROM spent) AS session_id, (SELECT id FROM ended) AS ended_id, ",
    columns!(),
    " FROM (SELECT user_id FROM presented) AS p
      LEFT JOIN users ON id = p.user_id AND EXISTS (SELECT FROM spent)"
);

struct RotatedRow {
    session: Option<Uuid>,
    ended: Option<Uuid>,
    user: Option<User>,
}

impl FromRow for RotatedRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            session: row.get("session_id")?,
            ended: row.get("ended_id")?,
            user: user_if_any(row)?,
        })
    }
}

pub(super) async fn rotate(
    database: &dyn Database,
    spent: &OpaqueToken,
    next: &OpaqueToken,
    actor: &Actor,
) -> Result<Rotated, Error> {
    let params = vec![
        spent.hash().into(),
        next.hash().into(),
        IDLE_DAYS.into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    Ok(match database.write_opt(ROTATE, params).await? {
        Some(RotatedRow {
            session: Some(session),
            user: Some(user),
            ..
        }) => Rotated::To(Box::new(user), SessionId(session)),
        Some(RotatedRow {
            ended: Some(session),
            ..
        }) => Rotated::Replayed(SessionId(session)),
        _ => Rotated::Refused,
    })
}

const LIST: &str = "SELECT s.id, s.created_at AT TIME ZONE 'UTC' AS created_at,
        s.last_used_at AT TIME ZONE 'UTC' AS last_used_at,
        s.idle_expires_at AT TIME ZONE 'UTC' AS idle_expires_at
     FROM sessions AS s JOIN users AS u ON u.id = s.user_id AND u.session_epoch = s.epoch
     WHERE s.user_id = $1 AND s.idle_expires_at > now()
     ORDER BY s.created_at DESC, s.id DESC LIMIT 100";

pub(super) async fn list(database: &dyn Database, user: UserId) -> Result<Vec<Session>, Error> {
    Ok(database.read_as(LIST, vec![user.0.into()]).await?)
}

const END: &str = "WITH ended AS (
        DELETE FROM sessions USING users
        WHERE sessions.id = $1 AND user_id = $2 AND users.id = $2 AND epoch = session_epoch
        RETURNING sessions.id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'session_ended', $2, $2, $3, $4 FROM ended
     )
     SELECT id FROM ended";

pub(super) async fn end(
    database: &dyn Database,
    user: UserId,
    session: SessionId,
    actor: &Actor,
) -> Result<(), Error> {
    let params = vec![
        session.0.into(),
        user.0.into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    match database.write(END, params).await?.is_empty() {
        true => Err(Error::NotFound),
        false => Ok(()),
    }
}

const END_ALL: &str = concat!(
    "WITH owner AS (
        UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1 RETURNING *
     ), ended AS (
        DELETE FROM sessions USING owner WHERE user_id = owner.id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'sessions_ended', $2::uuid, id, $3, $4 FROM owner
     )
     SELECT ",
    columns!(),
    " FROM owner"
);

pub(super) async fn end_all(
    database: &dyn Database,
    user: UserId,
    actor: &Actor,
) -> Result<User, Error> {
    let params = vec![
        user.0.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    let user = database.write_opt(END_ALL, params).await?;
    user.ok_or(Error::NotFound)
}
