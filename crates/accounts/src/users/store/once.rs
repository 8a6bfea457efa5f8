//! Creating a user under an idempotency key.

use serde_json::Value as Json;
use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};

use super::{Insert, columns, user_if_any};
use crate::idempotency::{IdempotentRequest, KEPT_HOURS};
use crate::{Error, User};

/// What became of a request that may have come before.
pub(in crate::users) enum Once {
    Created(User),
    /// Another one with this key holds its lock.
    InFlight,
    /// The key is there; [`find_answer`] has what was answered.
    Seen,
}

/// The key, the user and the answer are one transaction. The advisory lock lasts as long as the
/// statement and tells a request in flight from one that is over. A request that was decided after
/// this statement's snapshot shows as a unique violation.
const INSERT_ONCE: &str = concat!(
    "WITH lock AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(
            hashtextextended($11::text || ' ' || $12::text || ' ' || $13::text, 0)) AS held
     ), seen AS MATERIALIZED (
        SELECT FROM idempotency_keys
        WHERE caller = $11 AND route = $12 AND key = $13 AND expires_at > now()
     ), swept AS (
        DELETE FROM idempotency_keys WHERE (caller, route, key) IN (
            SELECT caller, route, key FROM idempotency_keys
            WHERE expires_at <= now() AND (caller, route, key) <> ($11, $12, $13)
            ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), created AS (
        INSERT INTO users (id, email, full_name, role, is_active, password_hash)
        SELECT $1::uuid, $2::text, $3::text, $4::text, $5::boolean, $6::text
        FROM lock WHERE held AND NOT EXISTS (SELECT FROM seen)
        RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT $7, $8::uuid, id, $9, $10 FROM created
     ), kept AS (
        INSERT INTO idempotency_keys (caller, route, key, body_sha256, response, expires_at)
        SELECT $11, $12, $13, $14::bytea, jsonb_build_object(
            'id', id, 'email', email, 'full_name', full_name, 'role', role,
            'is_active', is_active, 'version', version,
            'created_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'updated_at', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')),
            now() + make_interval(hours => $15)
        FROM created
        ON CONFLICT (caller, route, key) DO UPDATE
            SET body_sha256 = EXCLUDED.body_sha256, response = EXCLUDED.response,
                expires_at = EXCLUDED.expires_at
            WHERE idempotency_keys.expires_at <= now()
        RETURNING 1
     )
     SELECT lock.held, ",
    columns!(),
    " FROM lock LEFT JOIN created ON true"
);

struct OnceRow {
    held: bool,
    user: Option<User>,
}

impl FromRow for OnceRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            held: row.get("held")?,
            user: user_if_any(row)?,
        })
    }
}

pub(in crate::users) async fn insert_once(
    database: &dyn Database,
    insert: &Insert<'_>,
    request: &IdempotentRequest,
) -> Result<Once, Error> {
    let mut params = insert.params();
    params.extend(key_params(request));
    params.push(request.body_sha256.clone().into());
    params.push(KEPT_HOURS.into());
    let row = database.write_opt::<OnceRow>(INSERT_ONCE, params).await?;
    Ok(match row {
        Some(OnceRow {
            user: Some(user), ..
        }) => Once::Created(user),
        Some(OnceRow { held: true, .. }) => Once::Seen,
        _ => Once::InFlight,
    })
}

fn key_params(request: &IdempotentRequest) -> [Param; 3] {
    [
        request.caller.as_str().into(),
        request.route.into(),
        request.key.as_str().into(),
    ]
}

const FIND_ANSWER: &str = "SELECT body_sha256, response FROM idempotency_keys \
     WHERE caller = $1 AND route = $2 AND key = $3 AND expires_at > now()";

struct Answer(Vec<u8>, Json);

impl FromRow for Answer {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self(row.get("body_sha256")?, row.get("response")?))
    }
}

/// The body's hash and the user as it was answered.
pub(in crate::users) async fn find_answer(
    database: &dyn Database,
    request: &IdempotentRequest,
) -> Result<Option<(Vec<u8>, User)>, Error> {
    let answer = database
        .read_opt::<Answer>(FIND_ANSWER, key_params(request).to_vec())
        .await?;
    answer
        .map(|Answer(hash, json)| Ok((hash, serde_json::from_value(json)?)))
        .transpose()
        .map_err(|error: serde_json::Error| Error::Internal(format!("stored response: {error}")))
}
