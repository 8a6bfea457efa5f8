//! SQL of sessions: one statement per use case, including its audit row.

pub(super) mod list;
pub(super) mod rotate;

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use uuid::Uuid;

use crate::audit::Actor;
use crate::login_attempts::{Verified, forgive};
use crate::password::PasswordHash;
use crate::session::{OpaqueToken, SessionId, SessionPolicy};
use crate::user::service::columns;
use crate::{Error, User, UserId};

/// The compared password must still be the stored one: the row lock serializes this with a change of it.
/// Expired sessions are swept, and live ones beyond the limit end, the oldest first.
const OPEN: &str = concat!(
    "WITH owner AS MATERIALIZED (
        SELECT * FROM users WHERE id = $1 AND is_active AND password_hash = $2 FOR UPDATE
     ), rehashed AS (
        UPDATE users SET password_hash = $3::text FROM owner
        WHERE users.id = owner.id AND $3::text IS NOT NULL
     ), opened AS (
        INSERT INTO sessions (id, user_id, epoch, idle_expires_at, expires_at, token_family)
        SELECT $4::uuid, id, session_epoch, now() + make_interval(days => $5::integer),
            now() + make_interval(days => $6::integer), $11::bytea
        FROM owner RETURNING id
     ), issued AS (
        INSERT INTO refresh_tokens (hash, session_id) SELECT $7::bytea, id FROM opened
     ), surplus AS (
        DELETE FROM sessions WHERE id IN (
            SELECT s.id FROM sessions AS s JOIN owner ON s.user_id = owner.id
                AND s.epoch = owner.session_epoch
            WHERE s.idle_expires_at > now()
            ORDER BY s.created_at DESC, s.id DESC OFFSET $12::integer - 1)
        RETURNING id, user_id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'login_succeeded', id, id, $8, $13 FROM owner
        UNION ALL SELECT 'session_ended', user_id, user_id, $8, $13 FROM surplus
     ), swept AS (
        DELETE FROM sessions WHERE id IN (
            SELECT id FROM sessions WHERE idle_expires_at < now()
            ORDER BY idle_expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), known AS (
        INSERT INTO known_networks (user_id, network) SELECT id, $9::bytea FROM owner
        ON CONFLICT (user_id, network) DO UPDATE SET last_login_at = now()
     ), unknown AS (
        DELETE FROM known_networks AS n USING owner
        WHERE n.user_id = owner.id AND n.network <> $9 AND n.last_login_at < now() - interval '30 days'
     ), ",
    forgive!("$9", "$14::integer", "$10::bytea"),
    "SELECT (SELECT string_agg(id::text, ' ') FROM surplus) AS ended, ",
    columns!(),
    " FROM owner"
);

/// An opened session.
pub(super) struct Opened {
    pub(super) user: User,
    /// Sessions of the user that ended to make room for it.
    pub(super) ended: Vec<SessionId>,
}

impl FromRow for Opened {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let ended: Option<String> = row.get("ended")?;
        let ended = ended.unwrap_or_default();
        Ok(Self {
            user: User::from_row(row)?,
            ended: ended
                .split(' ')
                .flat_map(Uuid::try_parse)
                .map(SessionId)
                .collect(),
        })
    }
}

pub(super) async fn open(
    database: &dyn Database,
    verified: &Verified,
    session: SessionId,
    refresh_token: &OpaqueToken,
    policy: &SessionPolicy,
    actor: &Actor,
) -> Result<Option<Opened>, Error> {
    let rehashed = verified.rehashed.as_ref().map(PasswordHash::as_str);
    let params = vec![
        verified.user.0.into(),
        verified.hash.as_str().into(),
        rehashed.into(),
        session.0.into(),
        policy.idle_days.into(),
        policy.absolute_days.into(),
        refresh_token.hash().into(),
        actor.request_id.as_str().into(),
        verified.attempt.network_key.clone().into(),
        verified.attempt.account_key.clone().into(),
        refresh_token.family().into(),
        policy.max_sessions.into(),
        actor.client().into(),
        verified.attempt.network_failures.into(),
    ];
    Ok(database.write_opt(OPEN, params).await?)
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
