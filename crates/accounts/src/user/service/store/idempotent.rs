//! SQL that creates a user under an idempotency key.

use spin_pg_bindings::postgres::Database;

use super::{Insert, columns};
use crate::claim_key;
use crate::idempotency::IdempotentRequest;
use crate::idempotency::store::create_idempotent;
use crate::{Error, User};

/// The response equals the `RETURNING` of the user.
const INSERT_IDEMPOTENT: &str = concat!(
    "WITH ",
    claim_key!(
        user: "$1::uuid",
        response: "jsonb_build_object(
            'id', $1::uuid, 'email', $2::text, 'full_name', $3::text, 'role', $4::text,
            'is_active', $5::boolean, 'version', 1,
            'attributes', coalesce($11::jsonb, '{}'),
            'created_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'updated_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))",
        "$12", "$13", "$14", "$15", "$16"
    ),
    ", created AS (
        INSERT INTO users (id, email, full_name, role, is_active, password_hash, attributes)
        SELECT $1::uuid, $2::text, $3::text, $4::text, $5::boolean, $6::text,
            coalesce($11::jsonb, '{}') FROM claimed
        RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT $7, $8::uuid, id, $9, $10 FROM created
     )
     SELECT lock.held, ",
    columns!(),
    " FROM lock LEFT JOIN created ON true"
);

pub(in crate::user::service) async fn insert_idempotent(
    database: &dyn Database,
    insert: &Insert<'_>,
    request: &IdempotentRequest,
    fingerprint: &[u8],
) -> Result<User, Error> {
    let params = insert.params();
    create_idempotent(database, INSERT_IDEMPOTENT, params, request, fingerprint).await
}
