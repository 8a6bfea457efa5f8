//! The SQL of the users resource: one statement a use case, its text beside its function.
//!
//! Times leave Postgres as `timestamp` in UTC: the host cannot convert `timestamptz`.

use serde_json::Value as Json;
use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row};
use uuid::Uuid;

use super::list::{ListQuery, Page, SortKey};
use crate::idempotency::{IdempotentRequest, KEPT_HOURS};
use crate::password::PasswordHash;
use crate::{Error, NewUser, User, UserId, UserPatch};

/// The migration that these statements need, by its number.
pub const SCHEMA_VERSION: i64 = 2;

/// The columns of a user as [`User`] reads them.
macro_rules! columns {
    () => {
        "id, email, full_name, role, is_active, version, \
         created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at"
    };
}

/// The user of an outer join, which may have none.
fn user_if_any(row: &Row) -> Result<Option<User>, postgres::Error> {
    let id: Option<Uuid> = row.get("id")?;
    id.map(|_| User::from_row(row)).transpose()
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");

pub(super) async fn find(database: &dyn Database, id: UserId) -> Result<Option<User>, Error> {
    Ok(database.read_opt(FIND, vec![id.0.into()]).await?)
}

const INSERT: &str = concat!(
    "INSERT INTO users (id, email, full_name, role, is_active, password_hash) \
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ",
    columns!()
);

fn insert_params(id: UserId, new: &NewUser, hash: Option<&PasswordHash>) -> Vec<Param> {
    vec![
        id.0.into(),
        new.email.as_str().into(),
        new.full_name.as_str().into(),
        new.role.as_str().into(),
        new.is_active.into(),
        hash.map(PasswordHash::as_str).into(),
    ]
}

pub(super) async fn insert(
    database: &dyn Database,
    id: UserId,
    new: &NewUser,
    hash: Option<&PasswordHash>,
) -> Result<User, Error> {
    let created = database
        .write_opt(INSERT, insert_params(id, new, hash))
        .await?;
    created.ok_or_else(|| Error::Internal("INSERT returned no user".into()))
}

/// What became of a request that may have come before.
pub(super) enum Once {
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
        SELECT pg_try_advisory_xact_lock(hashtextextended($7::text || ' ' || $8::text || ' ' || $9::text, 0)) AS held
     ), seen AS MATERIALIZED (
        SELECT FROM idempotency_keys
        WHERE caller = $7 AND route = $8 AND key = $9 AND expires_at > now()
     ), swept AS (
        DELETE FROM idempotency_keys WHERE (caller, route, key) IN (
            SELECT caller, route, key FROM idempotency_keys
            WHERE expires_at <= now() AND (caller, route, key) <> ($7, $8, $9)
            ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
     ), created AS (
        INSERT INTO users (id, email, full_name, role, is_active, password_hash)
        SELECT $1::uuid, $2::text, $3::text, $4::text, $5::boolean, $6::text FROM lock WHERE held AND NOT EXISTS (SELECT FROM seen)
        RETURNING *
     ), kept AS (
        INSERT INTO idempotency_keys (caller, route, key, body_sha256, response, expires_at)
        SELECT $7, $8, $9, $10::bytea, jsonb_build_object(
            'id', id, 'email', email, 'full_name', full_name, 'role', role,
            'is_active', is_active, 'version', version,
            'created_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'updated_at', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')),
            now() + make_interval(hours => $11)
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

pub(super) async fn insert_once(
    database: &dyn Database,
    id: UserId,
    new: &NewUser,
    hash: Option<&PasswordHash>,
    request: &IdempotentRequest,
) -> Result<Once, Error> {
    let mut params = insert_params(id, new, hash);
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
pub(super) async fn find_answer(
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

/// The comparison with the expected versions is the UPDATE's own, so that of two changes based on
/// one version only one happens. A user that was there when the statement began but was not
/// updated is stale; without expectations it was deleted meanwhile.
const UPDATE: &str = concat!(
    "WITH changed AS (
        UPDATE users SET email = coalesce($2, email), full_name = coalesce($3, full_name),
            role = coalesce($4, role), is_active = coalesce($5, is_active),
            version = version + 1, updated_at = greatest(now(), updated_at)
        WHERE id = $1 AND ($6::bigint[] IS NULL OR version = ANY ($6))
        RETURNING *
     )
     SELECT found, ",
    columns!(),
    " FROM (SELECT EXISTS (SELECT FROM users WHERE id = $1) AS found) AS before
      LEFT JOIN changed ON true"
);

struct Changed {
    found: bool,
    user: Option<User>,
}

impl FromRow for Changed {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            found: row.get("found")?,
            user: user_if_any(row)?,
        })
    }
}

pub(super) async fn update(
    database: &dyn Database,
    id: UserId,
    patch: &UserPatch,
    expected: Option<Vec<i64>>,
) -> Result<User, Error> {
    let conditional = expected.is_some();
    let params = vec![
        id.0.into(),
        patch.email.as_ref().map(|email| email.as_str()).into(),
        patch.full_name.as_ref().map(|name| name.as_str()).into(),
        patch.role.map(|role| role.as_str()).into(),
        patch.is_active.into(),
        expected.into(),
    ];
    match database.write_opt::<Changed>(UPDATE, params).await? {
        Some(Changed {
            user: Some(user), ..
        }) => Ok(user),
        Some(Changed { found: true, .. }) if conditional => Err(Error::Stale),
        _ => Err(Error::NotFound),
    }
}

const DELETE: &str = "WITH gone AS (
        DELETE FROM users WHERE id = $1 AND ($2::bigint[] IS NULL OR version = ANY ($2))
        RETURNING id
     )
     SELECT EXISTS (SELECT FROM users WHERE id = $1) AS found, EXISTS (SELECT FROM gone) AS gone";

struct Gone {
    found: bool,
    gone: bool,
}

impl FromRow for Gone {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            found: row.get("found")?,
            gone: row.get("gone")?,
        })
    }
}

pub(super) async fn delete(
    database: &dyn Database,
    id: UserId,
    expected: Option<Vec<i64>>,
) -> Result<(), Error> {
    let conditional = expected.is_some();
    match database
        .write_opt(DELETE, vec![id.0.into(), expected.into()])
        .await?
    {
        Some(Gone { gone: true, .. }) => Ok(()),
        Some(Gone { found: true, .. }) if conditional => Err(Error::Stale),
        _ => Err(Error::NotFound),
    }
}

/// The filters of a list, with the parameters that they take.
struct Filters {
    conditions: Vec<String>,
    params: Vec<Param>,
}

impl Filters {
    /// `condition` names its parameter `$?`.
    fn add(&mut self, condition: &str, param: impl Into<Param>) {
        self.params.push(param.into());
        self.conditions
            .push(condition.replace("$?", &format!("${}", self.params.len())));
    }

    fn of(query: &ListQuery) -> Self {
        let mut filters = Self {
            conditions: vec!["true".into()],
            params: Vec::new(),
        };
        if let Some(email) = &query.email {
            filters.add("email = $?", email.as_str());
        }
        if let Some(role) = query.role {
            filters.add("role = $?", role.as_str());
        }
        if let Some(is_active) = query.is_active {
            filters.add("is_active = $?", is_active);
        }
        // Lower-cased by Postgres on both sides: its rules are not Rust's.
        if let Some(prefix) = &query.prefix {
            let pattern = prefix
                .replace('\\', "\\\\")
                .replace('%', "\\%")
                .replace('_', "\\_")
                + "%";
            filters.add(
                "(email LIKE lower($?) OR lower(full_name) LIKE lower($?))",
                pattern,
            );
        }
        if let Some(time) = query.created_after {
            filters.add("created_at > ($?::timestamp AT TIME ZONE 'UTC')", time);
        }
        if let Some(time) = query.created_before {
            filters.add("created_at < ($?::timestamp AT TIME ZONE 'UTC')", time);
        }
        filters
    }
}

/// One page. The text is put together from constants only; every value is a parameter.
pub(super) async fn list(database: &dyn Database, query: &ListQuery) -> Result<Page, Error> {
    let mut filters = Filters::of(query);
    let counted = filters.conditions.join(" AND ");
    let (column, cast) = match query.sort.key {
        SortKey::CreatedAt => ("created_at", "$?::text::timestamptz"),
        SortKey::UpdatedAt => ("updated_at", "$?::text::timestamptz"),
        SortKey::Email => ("email COLLATE \"C\"", "$?"),
        SortKey::FullName => ("full_name COLLATE \"C\"", "$?"),
    };
    let (comparison, direction) = if query.sort.descending {
        ("<", "DESC")
    } else {
        (">", "ASC")
    };
    if let Some(position) = &query.after {
        filters.params.push(position.key.as_str().into());
        let key = cast.replace("$?", &format!("${}", filters.params.len()));
        filters.add(
            &format!("({column}, id) {comparison} ({key}, $?)"),
            position.id,
        );
    }
    filters.params.push((query.limit + 1).into());
    let limit = filters.params.len();
    let conditions = filters.conditions.join(" AND ");
    let total = if query.include_total {
        format!("(SELECT count(*) FROM users WHERE {counted})")
    } else {
        "NULL::bigint".to_owned()
    };
    // The total stands in a row of its own kind, so that an empty page has it too.
    let sql = format!(
        "WITH page AS (
            SELECT * FROM users WHERE {conditions}
            ORDER BY {column} {direction}, id {direction} LIMIT ${limit}
         )
         SELECT total, {} FROM (SELECT {total} AS total) AS counted LEFT JOIN page ON true
         ORDER BY {page_column} {direction}, id {direction}",
        columns!(),
        page_column = format_args!("page.{column}"),
    );
    let rows: Vec<ListRow> = database.read_as(&sql, filters.params).await?;
    let total = rows.first().and_then(|row| row.total);
    let users = rows.into_iter().filter_map(|row| row.user).collect();
    Ok(Page::cut(users, query, total))
}

struct ListRow {
    total: Option<i64>,
    user: Option<User>,
}

impl FromRow for ListRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            total: row.get("total")?,
            user: user_if_any(row)?,
        })
    }
}
