//! Use cases of __names__: one Postgres statement each, next to its function, including its audit row.
//!
//! Times leave Postgres as `timestamp` in UTC: the host cannot convert `timestamptz`.

use std::sync::Arc;

use accounts::idempotency::IdempotentRequest;
use accounts::idempotency::store::create_idempotent;
use accounts::keys::{FingerprintKey, Purpose};
use accounts::pagination::statement::{Filters, Source, read};
use accounts::pagination::{Page, TimeQuery};
use accounts::{Actor, Error, RootKey, claim_key};
use spin_pg_bindings::postgres::Database;

use crate::__name__::{__Name__, __Name__Id, New__Name__};

/// Columns as read by [`__Name__`].
macro_rules! columns {
    () => {
        "id, name, created_at AT TIME ZONE 'UTC' AS created_at"
    };
}

/// Use cases over the database. Cheap to clone.
#[derive(Clone)]
pub struct __Names__ {
    database: Arc<dyn Database>,
    requests: FingerprintKey,
}

impl __Names__ {
    /// Creates the use cases. The key of the requests' fingerprints is derived from `root_key`.
    pub fn new(database: Arc<dyn Database>, root_key: &RootKey) -> Self {
        Self {
            database,
            requests: root_key.fingerprint_key(Purpose::Idempotency),
        }
    }

    /// Returns one page, by time of creation.
    pub async fn list(&self, query: &TimeQuery) -> Result<Page<__Name__>, Error> {
        let source = Source {
            table: "__names__",
            columns: columns!(),
            column: "created_at",
            cast: "$?::text::timestamptz",
            descending: query.sort.is_descending(),
        };
        let database = &*self.database;
        read(database, &source, Filters::none(), &query.window, __Name__::position).await
    }

    /// Stores a new __name__. A repeated request with the same idempotency key returns the original response.
    pub async fn create(
        &self,
        new: &New__Name__,
        request: Option<&IdempotentRequest>,
        actor: &Actor,
    ) -> Result<__Name__, Error> {
        let database = &*self.database;
        let params = vec![
            __Name__Id::generate().0.into(),
            new.name.as_str().into(),
            actor.id().into(),
            actor.request_id.as_str().into(),
            actor.client().into(),
        ];
        if let Some(request) = request {
            let fingerprint = self.requests.fingerprint(&[new.name.as_str().as_bytes()]);
            return create_idempotent(database, INSERT_IDEMPOTENT, params, request, &fingerprint).await;
        }
        let created = database.write_opt(INSERT, params).await?;
        created.ok_or_else(|| Error::Internal("INSERT returned no row".into()))
    }
}

const INSERT: &str = concat!(
    "WITH created AS (
        INSERT INTO __names__ (id, name) VALUES ($1, $2) RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT '__name___created', $3::uuid, id, $4, $5 FROM created
     )
     SELECT ",
    columns!(),
    " FROM created"
);

/// The same for the request that claims the idempotency key. The response equals the `RETURNING`.
const INSERT_IDEMPOTENT: &str = concat!(
    "WITH ",
    claim_key!(
        user: "NULL::uuid",
        response: "jsonb_build_object('id', $1::uuid, 'name', $2::text, 'created_at',
            to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))",
        "$6", "$7", "$8", "$9", "$10"
    ),
    ", created AS (
        INSERT INTO __names__ (id, name) SELECT $1::uuid, $2::text FROM claimed RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT '__name___created', $3::uuid, id, $4, $5 FROM created
     )
     SELECT lock.held, ",
    columns!(),
    " FROM lock LEFT JOIN created ON true"
);
