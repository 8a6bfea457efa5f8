//! SQL that consumes a refresh token.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use uuid::Uuid;

use crate::audit::Actor;
use crate::session::{OpaqueToken, SessionId, SessionPolicy};
use crate::user::service::{columns, user_if_any};
use crate::{Error, User};

/// Outcome for a refresh token.
pub(in crate::session::service) enum Rotated {
    /// Consumed; its successor is the one given with the request.
    To(Box<User>, SessionId),
    /// Consumed a moment ago, and its successor was not used yet.
    Again {
        user: Box<User>,
        session: SessionId,
        salt: Vec<u8>,
        successor: Vec<u8>,
    },
    /// Consumed before; its session has now ended.
    Replayed(SessionId),
    Refused,
}

/// Consumption is the UPDATE's own condition: of concurrent uses of a token one consumes it, and the
/// others find it consumed, with the salt of its successor. The rows are locked in the order session,
/// token, so that they show the commit of the previous request. A token without a row is recognized by
/// its family. Of a session's consumed tokens, only the last keeps its row. A failure that is not a
/// replay is audited at most once per minute, since anybody can send random tokens.
const ROTATE: &str = concat!(
    "WITH presented AS MATERIALIZED (
        SELECT t.session_id, s.user_id, t.salt, t.successor,
            s.idle_expires_at > now() AND s.expires_at > now() AND s.epoch = u.session_epoch
                AND u.is_active AS alive,
            t.spent_at IS NOT NULL AND t.salt IS NOT NULL AND $7::integer > 0
                AND t.spent_at > now() - make_interval(secs => $7::integer)
                AND NOT EXISTS (SELECT FROM refresh_tokens AS n
                    WHERE n.hash = t.successor AND n.spent_at IS NOT NULL) AS graced
        FROM refresh_tokens AS t JOIN sessions AS s ON s.id = t.session_id
            JOIN users AS u ON u.id = s.user_id
        WHERE t.hash = $1
        FOR UPDATE OF s, t
     ), stray AS MATERIALIZED (
        SELECT s.id AS session_id, s.user_id
        FROM sessions AS s JOIN users AS u ON u.id = s.user_id AND u.session_epoch = s.epoch
        WHERE s.token_family = $5::bytea AND s.idle_expires_at > now() AND s.expires_at > now()
            AND u.is_active AND NOT EXISTS (SELECT FROM presented)
        FOR UPDATE OF s
     ), spent AS (
        UPDATE refresh_tokens SET spent_at = now(), salt = $6::bytea, successor = $2::bytea
        FROM presented
        WHERE hash = $1 AND spent_at IS NULL AND presented.alive
        RETURNING presented.session_id, presented.user_id
     ), prolonged AS (
        UPDATE sessions SET last_used_at = now(), token_family = $5::bytea,
            idle_expires_at = least(now() + make_interval(days => $3::integer), expires_at)
        FROM spent WHERE id = spent.session_id RETURNING id
     ), issued AS (
        INSERT INTO refresh_tokens (hash, session_id) SELECT $2::bytea, id FROM prolonged
     ), swept AS (
        DELETE FROM refresh_tokens USING spent
        WHERE refresh_tokens.session_id = spent.session_id AND spent_at IS NOT NULL AND hash <> $1
     ), good AS (
        SELECT session_id, user_id, NULL::bytea AS salt, NULL::bytea AS successor FROM spent
        UNION ALL
        SELECT session_id, user_id, salt, successor FROM presented WHERE alive AND graced
     ), ended AS (
        DELETE FROM sessions USING (
            SELECT session_id, user_id FROM presented WHERE alive
            UNION ALL SELECT session_id, user_id FROM stray) AS replayed
        WHERE id = replayed.session_id AND NOT EXISTS (SELECT FROM good)
        RETURNING id, replayed.user_id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'refresh_replayed', NULL::uuid, user_id, $4, $8::text FROM ended
        UNION ALL
        SELECT 'refresh_failed', NULL::uuid, (SELECT user_id FROM presented), $4, $8::text
        WHERE NOT EXISTS (SELECT FROM good) AND NOT EXISTS (SELECT FROM ended)
            AND NOT EXISTS (SELECT FROM audit
                WHERE action = 'refresh_failed' AND at > now() - interval '1 minute')
     )
     SELECT good.session_id, (SELECT ended.id FROM ended) AS ended_id, salt, successor, ",
    columns!(),
    " FROM (SELECT) AS one LEFT JOIN good ON true LEFT JOIN users ON id = good.user_id"
);

struct RotatedRow {
    session: Option<Uuid>,
    ended: Option<Uuid>,
    salt: Option<Vec<u8>>,
    successor: Option<Vec<u8>>,
    user: Option<User>,
}

impl FromRow for RotatedRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            session: row.get("session_id")?,
            ended: row.get("ended_id")?,
            salt: row.get("salt")?,
            successor: row.get("successor")?,
            user: user_if_any(row)?,
        })
    }
}

impl RotatedRow {
    fn read(self) -> Rotated {
        let session = self.session.map(SessionId);
        match (session, self.user.map(Box::new), self.salt, self.successor) {
            (Some(session), Some(user), Some(salt), Some(successor)) => Rotated::Again {
                user,
                session,
                salt,
                successor,
            },
            (Some(session), Some(user), ..) => Rotated::To(user, session),
            _ => self
                .ended
                .map_or(Rotated::Refused, |id| Rotated::Replayed(SessionId(id))),
        }
    }
}

/// Replaces `spent` by `next`, which was derived with `salt`.
pub(in crate::session::service) async fn rotate(
    database: &dyn Database,
    spent: &OpaqueToken,
    (next, salt): (&OpaqueToken, &[u8]),
    policy: &SessionPolicy,
    actor: &Actor,
) -> Result<Rotated, Error> {
    let params = vec![
        spent.hash().into(),
        next.hash().into(),
        policy.idle_days.into(),
        actor.request_id.as_str().into(),
        spent.family().into(),
        salt.to_vec().into(),
        policy.refresh_grace_seconds.into(),
        actor.client().into(),
    ];
    let rotated = database.write_opt::<RotatedRow>(ROTATE, params).await?;
    Ok(rotated.map_or(Rotated::Refused, RotatedRow::read))
}

const SESSION_OF: &str = "SELECT session_id FROM refresh_tokens WHERE hash = $1";

struct OfSession(SessionId);

impl FromRow for OfSession {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self(SessionId(row.get("session_id")?)))
    }
}

/// Returns the session of a token, consumed or not.
pub(in crate::session::service) async fn session_of(
    database: &dyn Database,
    token: &OpaqueToken,
) -> Result<Option<SessionId>, Error> {
    let params = vec![token.hash().into()];
    let found = database.read_opt::<OfSession>(SESSION_OF, params).await?;
    Ok(found.map(|OfSession(session)| session))
}
