//! SQL of service accounts: one statement per use case, including its audit row.

use spin_pg_bindings::postgres::{self, Database, FromRow, Row, Superseded};
use uuid::Uuid;

use super::list::{Page, position_of};
use crate::audit::Actor;
use crate::pagination::TimeQuery;
use crate::pagination::statement::{Filters, Source, read};
use crate::service_account::key::{ApiKeyId, NewKey};
use crate::service_account::{
    NewServiceAccount, ServiceAccount, ServiceAccountId, ServiceAccountPatch,
};
use crate::{Error, Expected};

macro_rules! columns {
    () => {
        "id, name, scopes, is_active, keys, version, \
         created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at"
    };
}

const FIND: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM service_accounts WHERE id = $1"
);

pub(super) async fn find(
    database: &dyn Database,
    id: ServiceAccountId,
) -> Result<Option<ServiceAccount>, Error> {
    Ok(database.read_opt(FIND, vec![id.0.into()]).await?)
}

/// Returns the account, `Some(None)` if there is none, and `None` if superseded.
pub(crate) async fn find_unless(
    database: &dyn Database,
    superseded: Superseded<'_>,
    id: ServiceAccountId,
) -> Result<Option<Option<ServiceAccount>>, Error> {
    let rows = database.read_unless(superseded, FIND, vec![id.0.into()]);
    let Some(rows) = rows.await? else {
        return Ok(None);
    };
    Ok(Some(
        rows.first().map(ServiceAccount::from_row).transpose()?,
    ))
}

/// Returns one page of accounts.
pub(super) async fn list(database: &dyn Database, query: &TimeQuery) -> Result<Page, Error> {
    let source = Source {
        table: "service_accounts",
        columns: columns!(),
        column: "created_at",
        cast: "$?::text::timestamptz",
        descending: query.sort.is_descending(),
    };
    read(
        database,
        &source,
        Filters::none(),
        &query.window,
        position_of,
    )
    .await
}

const INSERT: &str = concat!(
    "WITH created AS (
        INSERT INTO service_accounts (id, name, scopes) VALUES ($1, $2, $3) RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'service_account_created', $4::uuid, id, $5, $6 FROM created
     )
     SELECT ",
    columns!(),
    " FROM created"
);

pub(super) async fn insert(
    database: &dyn Database,
    id: ServiceAccountId,
    new: &NewServiceAccount,
    actor: &Actor,
) -> Result<ServiceAccount, Error> {
    let params = vec![
        id.0.into(),
        new.name.as_str().into(),
        new.scopes.to_string().into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    let created = database.write_opt(INSERT, params).await?;
    created.ok_or_else(|| Error::Internal("INSERT returned no service account".into()))
}

/// Result of a change: the account, or whether there is one in another version.
struct Changed {
    account: Option<ServiceAccount>,
    found: bool,
}

impl FromRow for Changed {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        let id: Option<Uuid> = row.get("id")?;
        Ok(Self {
            account: id.map(|_| ServiceAccount::from_row(row)).transpose()?,
            found: row.get("found")?,
        })
    }
}

impl Changed {
    /// Returns the account; `unmet` if there is one that was not changed.
    fn account(changed: Option<Self>, unmet: Error) -> Result<ServiceAccount, Error> {
        match changed {
            Some(Self {
                account: Some(account),
                ..
            }) => Ok(account),
            Some(Self { found: true, .. }) => Err(unmet),
            _ => Err(Error::NotFound),
        }
    }
}

/// Locks the row before comparing it with the expected versions and the patch, as for users.
const UPDATE: &str = concat!(
    "WITH before AS MATERIALIZED (
        SELECT * FROM service_accounts WHERE id = $1 FOR UPDATE
     ), expected AS MATERIALIZED (
        SELECT * FROM before WHERE ($5::bigint[] IS NULL OR version = ANY ($5)) AND version <> ALL ($6::bigint[])
     ), changed AS (
        UPDATE service_accounts AS s SET name = coalesce($2, b.name), scopes = coalesce($3, b.scopes),
            is_active = coalesce($4, b.is_active), version = b.version + 1,
            updated_at = greatest(now(), b.updated_at)
        FROM expected AS b
        WHERE s.id = b.id AND (b.name <> coalesce($2, b.name) OR b.scopes <> coalesce($3, b.scopes)
            OR b.is_active <> coalesce($4, b.is_active))
        RETURNING s.*
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'service_account_changed', $7::uuid, id, $8, $9 FROM changed
     ), result AS (
        SELECT * FROM changed
        UNION ALL SELECT * FROM expected WHERE NOT EXISTS (SELECT FROM changed)
     )
     SELECT found, ",
    columns!(),
    " FROM (SELECT EXISTS (SELECT FROM before) AS found) AS was LEFT JOIN result ON true"
);

pub(super) async fn update(
    database: &dyn Database,
    id: ServiceAccountId,
    patch: &ServiceAccountPatch,
    expected: Expected,
    actor: &Actor,
) -> Result<ServiceAccount, Error> {
    let unmet = expected.unmet().unwrap_or(Error::NotFound);
    let (any_of, none_of) = expected.into_parts();
    let params = vec![
        id.0.into(),
        patch.name.as_ref().map(|name| name.as_str()).into(),
        patch.scopes.as_ref().map(ToString::to_string).into(),
        patch.is_active.into(),
        any_of.into(),
        none_of.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    Changed::account(database.write_opt(UPDATE, params).await?, unmet)
}

const DELETE: &str = "WITH before AS MATERIALIZED (
        SELECT id, version FROM service_accounts WHERE id = $1 FOR UPDATE
     ), gone AS (
        DELETE FROM service_accounts AS s USING before AS b
        WHERE s.id = b.id AND ($2::bigint[] IS NULL OR b.version = ANY ($2)) AND b.version <> ALL ($3::bigint[])
        RETURNING s.id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'service_account_deleted', $4::uuid, id, $5, $6 FROM gone
     )
     SELECT EXISTS (SELECT FROM gone) AS gone, EXISTS (SELECT FROM before) AS found";

pub(super) async fn delete(
    database: &dyn Database,
    id: ServiceAccountId,
    expected: Expected,
    actor: &Actor,
) -> Result<(), Error> {
    let unmet = expected.unmet().unwrap_or(Error::NotFound);
    let (any_of, none_of) = expected.into_parts();
    let params = vec![
        id.0.into(),
        any_of.into(),
        none_of.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    let rows = database.write(DELETE, params).await?;
    let row = rows.first().ok_or(Error::NotFound)?;
    match (row.get("gone")?, row.get("found")?) {
        (true, _) => Ok(()),
        (false, true) => Err(unmet),
        (false, false) => Err(Error::NotFound),
    }
}

/// The keys of the row that have not expired. Evaluated on the latest version of the row, which an `UPDATE` locks.
macro_rules! live {
    () => {
        "(SELECT coalesce(jsonb_agg(k ORDER BY at), '[]') FROM jsonb_array_elements(keys) WITH ORDINALITY AS e (k, at)
            WHERE (k->>'expires_at')::timestamptz > now())"
    };
}

const CREATE_KEY: &str = concat!(
    "WITH changed AS (
        UPDATE service_accounts SET keys = ",
    live!(),
    " || jsonb_build_array(jsonb_build_object('id', $2::uuid, 'hash', $3::text,
            'created_at', now(), 'expires_at', now() + make_interval(days => $4::integer))),
            version = version + 1, updated_at = greatest(now(), updated_at)
        WHERE id = $1 AND jsonb_array_length(",
    live!(),
    ") < 2
        RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'api_key_created', $5::uuid, id, $6, $7 FROM changed
     )
     SELECT found, ",
    columns!(),
    " FROM (SELECT EXISTS (SELECT FROM service_accounts WHERE id = $1) AS found) AS was LEFT JOIN changed ON true"
);

pub(super) async fn create_key(
    database: &dyn Database,
    id: ServiceAccountId,
    key: &NewKey,
    days: i32,
    actor: &Actor,
) -> Result<ServiceAccount, Error> {
    let params = vec![
        id.0.into(),
        key.id.0.into(),
        key.hash().into(),
        days.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    Changed::account(
        database.write_opt(CREATE_KEY, params).await?,
        Error::TooManyKeys,
    )
}

const DELETE_KEY: &str = concat!(
    "WITH changed AS (
        UPDATE service_accounts SET keys = (
                SELECT coalesce(jsonb_agg(k ORDER BY at), '[]')
                FROM jsonb_array_elements(keys) WITH ORDINALITY AS e (k, at) WHERE k->>'id' <> $2::uuid::text),
            version = version + 1, updated_at = greatest(now(), updated_at)
        WHERE id = $1 AND keys @> jsonb_build_array(jsonb_build_object('id', $2::uuid))
        RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'api_key_deleted', $3::uuid, id, $4, $5 FROM changed
     )
     SELECT ",
    columns!(),
    " FROM changed"
);

pub(super) async fn delete_key(
    database: &dyn Database,
    id: ServiceAccountId,
    key: ApiKeyId,
    actor: &Actor,
) -> Result<ServiceAccount, Error> {
    let params = vec![
        id.0.into(),
        key.0.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    let account = database.write_opt(DELETE_KEY, params).await?;
    account.ok_or(Error::NotFound)
}

/// Writes at most once per key and day.
const TOUCH: &str = concat!(
    "UPDATE service_accounts SET keys = (
        SELECT jsonb_agg(CASE WHEN k->>'id' = $2::uuid::text
            THEN k || jsonb_build_object('last_used_on', (now() AT TIME ZONE 'UTC')::date) ELSE k END ORDER BY at)
        FROM jsonb_array_elements(keys) WITH ORDINALITY AS e (k, at))
    WHERE id = $1 AND keys @> jsonb_build_array(jsonb_build_object('id', $2::uuid))
        AND NOT keys @> jsonb_build_array(jsonb_build_object(
            'id', $2::uuid, 'last_used_on', (now() AT TIME ZONE 'UTC')::date))
    RETURNING ",
    columns!()
);

/// Records today as the day of the key's last use; `None` if it is recorded already.
pub(crate) async fn touch(
    database: &dyn Database,
    id: ServiceAccountId,
    key: ApiKeyId,
) -> Result<Option<ServiceAccount>, Error> {
    let params = vec![id.0.into(), key.0.into()];
    Ok(database.write_opt(TOUCH, params).await?)
}
