//! SQL that creates a user under an idempotency key.

use serde_json::Value as Json;
use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};

use super::{Insert, columns, user_if_any};
use crate::idempotency::{IdempotentRequest, KEPT_HOURS};
use crate::{Error, User};

/// Outcome of a request that may be a repetition.
pub(in crate::user::service) enum InsertOutcome {
    Created(User),
    /// Another request with this key holds its lock.
    InFlight,
    /// The key exists; [`find_response`] returns the response.
    KeyExists,
}

/// The key, the user and the response are written in one transaction, the key first: of concurrent
/// requests, only the one that claims the key creates a user. The advisory lock lasts as long as the
/// statement and distinguishes in-flight from completed requests. The response equals the `RETURNING` of
/// the user, but is written before it because a row can be written only once.
const INSERT_IDEMPOTENT: &str = concat!(
    "WITH lock AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(
            hashtextextended($11::text || ' ' || $12::text || ' ' || $13::text, 0)) AS held
     ), swept AS (
        DELETE FROM idempotency_keys WHERE (caller, route, key) IN (
            SELECT caller, route, key FROM idempotency_keys
            WHERE expires_at <= now() AND (caller, route, key) <> ($11, $12, $13)
            ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), claimed AS (
        INSERT INTO idempotency_keys AS k
            (caller, route, key, fingerprint, user_id, response, expires_at)
        SELECT $11, $12, $13, $14::bytea, $1::uuid, jsonb_build_object(
            'id', $1::uuid, 'email', $2::text, 'full_name', $3::text, 'role', $4::text,
            'is_active', $5::boolean, 'version', 1,
            'created_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'updated_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')),
            now() + make_interval(hours => $15)
        FROM lock WHERE held
        ON CONFLICT (caller, route, key) DO UPDATE
            SET fingerprint = EXCLUDED.fingerprint, user_id = EXCLUDED.user_id,
                response = EXCLUDED.response, expires_at = EXCLUDED.expires_at
            WHERE k.expires_at <= now()
        RETURNING 1
     ), created AS (
        INSERT INTO users (id, email, full_name, role, is_active, password_hash)
        SELECT $1::uuid, $2::text, $3::text, $4::text, $5::boolean, $6::text FROM claimed
        RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT $7, $8::uuid, id, $9, $10 FROM created
     )
     SELECT lock.held, ",
    columns!(),
    " FROM lock LEFT JOIN created ON true"
);

struct InsertRow {
    held: bool,
    user: Option<User>,
}

impl FromRow for InsertRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            held: row.get("held")?,
            user: user_if_any(row)?,
        })
    }
}

pub(in crate::user::service) async fn insert_idempotent(
    database: &dyn Database,
    insert: &Insert<'_>,
    request: &IdempotentRequest,
    fingerprint: &[u8],
) -> Result<InsertOutcome, Error> {
    let mut params = insert.params();
    params.extend(key_params(request));
    params.push(fingerprint.to_vec().into());
    params.push(KEPT_HOURS.into());
    let row = database
        .write_opt::<InsertRow>(INSERT_IDEMPOTENT, params)
        .await?;
    Ok(match row {
        Some(InsertRow {
            user: Some(user), ..
        }) => InsertOutcome::Created(user),
        Some(InsertRow { held: true, .. }) => InsertOutcome::KeyExists,
        _ => InsertOutcome::InFlight,
    })
}

fn key_params(request: &IdempotentRequest) -> [Param; 3] {
    [
        request.caller.as_str().into(),
        request.route.into(),
        request.key.as_str().into(),
    ]
}

const FIND_RESPONSE: &str = "SELECT fingerprint, response FROM idempotency_keys \
     WHERE caller = $1 AND route = $2 AND key = $3 AND expires_at > now()";

/// A completed request.
pub(in crate::user::service) struct StoredResponse {
    pub(in crate::user::service) fingerprint: Vec<u8>,
    response: Option<Json>,
}

impl FromRow for StoredResponse {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            fingerprint: row.get("fingerprint")?,
            response: row.get("response")?,
        })
    }
}

impl StoredResponse {
    /// Returns the user as in the response; [`Error::Gone`] if they have been deleted.
    pub(in crate::user::service) fn user(self) -> Result<User, Error> {
        let response = self.response.ok_or(Error::Gone)?;
        serde_json::from_value(response)
            .map_err(|error| Error::Internal(format!("the stored response is invalid: {error}")))
    }
}

pub(in crate::user::service) async fn find_response(
    database: &dyn Database,
    request: &IdempotentRequest,
) -> Result<Option<StoredResponse>, Error> {
    let params = key_params(request).to_vec();
    Ok(database.read_opt(FIND_RESPONSE, params).await?)
}
