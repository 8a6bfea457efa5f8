//! SQL that creates a resource under an idempotency key, for any resource.
//!
//! The key, the resource and the response are written in one transaction, the key first: of concurrent requests,
//! only the one that claims the key creates a resource.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};
use uuid::Uuid;

use super::{IdempotentRequest, KEPT_HOURS};
use crate::Error;

/// The CTEs `lock` and `claimed` of a statement that [`create_idempotent`] runs: `claimed` has a row only for the
/// request that creates the resource. The statement selects `lock.held` and the columns of the created resource.
///
/// `$user` and `$response` are SQL expressions: the id of the user whose deletion empties the response, or
/// `NULL::uuid`, and the response as `jsonb`. The response must equal the `RETURNING` of the resource, but is
/// written before it because a row can be written only once. The other arguments are the last five parameters of the
/// statement, which [`create_idempotent`] adds.
///
/// The advisory lock lasts as long as the statement and distinguishes in-flight from completed requests.
#[macro_export]
macro_rules! claim_key {
    (
        user: $user:literal, response: $response:literal,
        $caller:literal, $route:literal, $key:literal, $fingerprint:literal, $hours:literal $(,)?
    ) => {
        concat!(
            "lock AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(
            hashtextextended(",
            $caller,
            "::text || ' ' || ",
            $route,
            "::text || ' ' || ",
            $key,
            "::text, 0)) AS held
     ), swept AS (
        DELETE FROM idempotency_keys WHERE (caller, route, key) IN (
            SELECT caller, route, key FROM idempotency_keys
            WHERE expires_at <= now() AND (caller, route, key) <> (",
            $caller,
            ", ",
            $route,
            ", ",
            $key,
            ")
            ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), claimed AS (
        INSERT INTO idempotency_keys AS k
            (caller, route, key, fingerprint, user_id, response, expires_at)
        SELECT ",
            $caller,
            ", ",
            $route,
            ", ",
            $key,
            ", ",
            $fingerprint,
            "::bytea, ",
            $user,
            ", ",
            $response,
            ",
            now() + make_interval(hours => ",
            $hours,
            ")
        FROM lock WHERE held
        ON CONFLICT (caller, route, key) DO UPDATE
            SET fingerprint = EXCLUDED.fingerprint, user_id = EXCLUDED.user_id,
                response = EXCLUDED.response, expires_at = EXCLUDED.expires_at
            WHERE k.expires_at <= now()
        RETURNING 1
     )"
        )
    };
}

/// Result of the statement. `created` is `None` if the key is stored, or if another request holds its lock.
struct Claimed<T> {
    held: bool,
    created: Option<T>,
}

impl<T: FromRow> FromRow for Claimed<T> {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let id: Option<Uuid> = row.get("id")?;
        Ok(Self {
            held: row.get("held")?,
            created: id.map(|_| T::from_row(row)).transpose()?,
        })
    }
}

/// Runs a statement with [`claim_key`], with its own parameters in `params`. A repeated request gets the resource
/// of the original response.
///
/// # Errors
/// [`Error::KeyInFlight`], and those of [`replay`] and of the statement.
pub async fn create_idempotent<T: FromRow + DeserializeOwned>(
    database: &dyn Database,
    sql: &str,
    mut params: Vec<Param>,
    request: &IdempotentRequest,
    fingerprint: &[u8],
) -> Result<T, Error> {
    params.extend(key_params(request));
    params.push(fingerprint.to_vec().into());
    params.push(KEPT_HOURS.into());
    match database.write_opt::<Claimed<T>>(sql, params).await? {
        Some(Claimed {
            created: Some(created),
            ..
        }) => Ok(created),
        Some(Claimed { held: true, .. }) => {
            let replayed = replay(database, request, fingerprint).await?;
            replayed.ok_or(Error::KeyInFlight)
        }
        _ => Err(Error::KeyInFlight),
    }
}

/// Returns the resource of the original response, or `None` if the key is not stored.
///
/// # Errors
/// [`Error::KeyReused`] if the stored request has another fingerprint, [`Error::Gone`] if its user has been deleted.
pub async fn replay<T: DeserializeOwned>(
    database: &dyn Database,
    request: &IdempotentRequest,
    fingerprint: &[u8],
) -> Result<Option<T>, Error> {
    let params = key_params(request).to_vec();
    match database
        .read_opt::<StoredResponse>(FIND_RESPONSE, params)
        .await?
    {
        Some(stored) if stored.fingerprint != fingerprint => Err(Error::KeyReused),
        Some(stored) => stored.read().map(Some),
        None => Ok(None),
    }
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
struct StoredResponse {
    fingerprint: Vec<u8>,
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
    fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let response = self.response.ok_or(Error::Gone)?;
        serde_json::from_value(response)
            .map_err(|error| Error::Internal(format!("the stored response is invalid: {error}")))
    }
}
