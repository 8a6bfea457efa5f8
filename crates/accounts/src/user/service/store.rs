//! SQL of the users resource: one statement per use case, next to its function, including its audit row.
//!
//! Times leave Postgres as `timestamp` in UTC: the host cannot convert `timestamptz`.

pub(super) mod export;
pub(super) mod idempotent;
pub(super) mod import;
pub(super) mod list;
pub(super) mod own_data;

use spin_pg_bindings::postgres::{self, Database, FromRow, Param, Row, Superseded};
use uuid::Uuid;

use crate::audit::{Action, Actor};
use crate::password::{NOT_CURRENT, PasswordHash};
use crate::{Error, Expected, NewUser, User, UserId, UserPatch};

/// Columns of a user as read by [`User`].
macro_rules! columns {
    () => {
        "id, email, full_name, role, is_active, version, external_id, attributes, session_epoch, \
         created_at AT TIME ZONE 'UTC' AS created_at, updated_at AT TIME ZONE 'UTC' AS updated_at"
    };
}
pub(crate) use columns;

/// Returns the user of an outer join, or `None`.
pub(crate) fn user_if_any(row: &Row) -> Result<Option<User>, postgres::Error> {
    let id: Option<Uuid> = row.get("id")?;
    id.map(|_| User::from_row(row)).transpose()
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");

pub(super) async fn find(database: &dyn Database, id: UserId) -> Result<Option<User>, Error> {
    Ok(database.read_opt(FIND, vec![id.0.into()]).await?)
}

/// Returns the user, or `None` if there is none or if superseded.
pub(super) async fn find_unless(
    database: &dyn Database,
    superseded: Superseded<'_>,
    id: UserId,
) -> Result<Option<User>, Error> {
    let rows = database.read_unless(superseded, FIND, vec![id.0.into()]);
    let rows = rows.await?.unwrap_or_default();
    Ok(rows.first().map(User::from_row).transpose()?)
}

const INSERT: &str = concat!(
    "WITH created AS (
        INSERT INTO users (id, email, full_name, role, is_active, password_hash, attributes)
        VALUES ($1, $2, $3, $4, $5, $6, coalesce($11::jsonb, '{}')) RETURNING *
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT $7, $8::uuid, id, $9, $10 FROM created
     )
     SELECT ",
    columns!(),
    " FROM created"
);

/// A user to be stored, and its action in the audit trail.
pub(super) struct Insert<'a> {
    pub(super) id: UserId,
    pub(super) new: &'a NewUser,
    pub(super) hash: Option<&'a PasswordHash>,
    pub(super) action: Action,
    pub(super) actor: &'a Actor,
}

impl Insert<'_> {
    fn params(&self) -> Vec<Param> {
        vec![
            self.id.0.into(),
            self.new.email.as_str().into(),
            self.new.full_name.as_str().into(),
            self.new.role.as_str().into(),
            self.new.is_active.into(),
            self.hash.map(PasswordHash::as_str).into(),
            self.action.into_str().into(),
            self.actor.id().into(),
            self.actor.request_id.as_str().into(),
            self.actor.client().into(),
            self.new.attributes.to_json().into(),
        ]
    }
}

pub(super) async fn insert(database: &dyn Database, insert: &Insert<'_>) -> Result<User, Error> {
    let created = database.write_opt(INSERT, insert.params()).await?;
    created.ok_or_else(|| Error::Internal("INSERT returned no user".into()))
}

/// The CTE `confirmation_check` over the locked row in `before`. `confirmed`: the password given by the
/// actor, if any, is still theirs (one's own row is the locked one). `needed`: none was given, but
/// `takeover` states that the change could take over another admin's account. Changes of one's own
/// account always have the password, and operators have no actor.
macro_rules! confirmation_check {
    ($actor:literal, $hash:literal, $takeover:literal) => {
        concat!(
            "confirmation_check AS MATERIALIZED (
        SELECT (",
            $hash,
            "::text IS NULL OR CASE WHEN id = ",
            $actor,
            "::uuid THEN password_hash = ",
            $hash,
            " ELSE EXISTS (SELECT FROM users AS a WHERE a.id = ",
            $actor,
            " AND a.password_hash = ",
            $hash,
            ") END) IS TRUE AS confirmed,
            (",
            $hash,
            " IS NULL AND id <> ",
            $actor,
            " AND role = 'admin' AND (",
            $takeover,
            ")) IS TRUE AS needed
        FROM before
     )"
        )
    };
}

/// Columns of [`Outcome`] for a statement with `confirmation_check`.
macro_rules! outcome {
    () => {
        "EXISTS (SELECT FROM confirmation_check) AS found, \
         EXISTS (SELECT FROM confirmation_check WHERE confirmed) AS confirmed, \
         EXISTS (SELECT FROM confirmation_check WHERE needed) AS needed"
    };
}
pub(crate) use {confirmation_check, outcome};

/// Reason for which a statement about one user did nothing.
pub(crate) struct Outcome {
    found: bool,
    /// True when the password given by the actor is theirs, or none was given.
    confirmed: bool,
    /// True when no password was given although one is required.
    needed: bool,
}

impl FromRow for Outcome {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            found: row.get("found")?,
            confirmed: row.get("confirmed")?,
            needed: row.get("needed")?,
        })
    }
}

impl Outcome {
    /// Returns the error. `unmet` is that of the condition on the version, if there is one.
    pub(crate) fn refusal(&self, unmet: Option<Error>) -> Error {
        match self {
            Self { found: false, .. } => Error::NotFound,
            Self {
                confirmed: false, ..
            } => Error::invalid("current_password", NOT_CURRENT),
            Self { needed: true, .. } => Error::invalid(
                "current_password",
                "is required for this operation on another admin",
            ),
            _ => unmet.unwrap_or(Error::NotFound),
        }
    }
}

/// Locks the row before comparing it with the expected versions and the patch. Each of several concurrent
/// changes thus starts from the state committed by the previous one, and its audit rows name only its own
/// changes. A service account changes nothing of an admin. The conditions read only the locked row: the statement's own
/// snapshot may be older. A patch
/// without effect is not written. Deactivation ends the sessions, so that none is revived with the user.
const UPDATE: &str = concat!(
    "WITH before AS MATERIALIZED (
        SELECT * FROM users WHERE id = $1 FOR UPDATE
     ), ",
    confirmation_check!(
        "$7",
        "$10",
        "coalesce($2, email) <> email OR coalesce($4, role) <> role OR $12::boolean"
    ),
    ", expected AS MATERIALIZED (
        SELECT before.*, CASE WHEN $13::jsonb IS NULL THEN attributes ELSE merge_patch(attributes, $13) END AS merged
        FROM before, confirmation_check WHERE confirmed AND NOT needed
            AND ($6::bigint[] IS NULL OR version = ANY ($6)) AND version <> ALL ($11::bigint[])
     ), changed AS (
        UPDATE users SET email = coalesce($2, b.email), full_name = coalesce($3, b.full_name),
            role = coalesce($4, b.role), is_active = coalesce($5, b.is_active),
            attributes = b.merged,
            session_epoch = b.session_epoch + CASE WHEN b.is_active AND NOT coalesce($5, true) THEN 1 ELSE 0 END,
            version = b.version + 1, updated_at = greatest(now(), b.updated_at)
        FROM expected AS b
        WHERE users.id = b.id AND (b.email <> coalesce($2, b.email) OR b.full_name <> coalesce($3, b.full_name)
            OR b.role <> coalesce($4, b.role) OR b.is_active <> coalesce($5, b.is_active)
            OR b.attributes <> b.merged)
        RETURNING users.*
     ), voided AS (
        DELETE FROM reset_tokens USING changed, before
        WHERE user_id = changed.id AND changed.email <> before.email
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT event.action, $7::uuid, $1, $8, $9
        FROM before AS b, changed AS c, LATERAL (VALUES
            ('attributes_changed', b.attributes <> c.attributes),
            ('email_changed', b.email <> c.email),
            ('name_changed', b.full_name <> c.full_name),
            ('role_changed', b.role <> c.role),
            ('user_activated', c.is_active AND NOT b.is_active),
            ('user_deactivated', b.is_active AND NOT c.is_active)) AS event (action, happened)
        WHERE event.happened
     ), result AS (
        SELECT * FROM changed
        UNION ALL SELECT before.* FROM before, expected
        WHERE before.id = expected.id AND NOT EXISTS (SELECT FROM changed)
     )
     SELECT found, confirmed, needed, ",
    columns!(),
    " FROM (SELECT ",
    outcome!(),
    ") AS was LEFT JOIN result ON true"
);

struct Changed {
    user: Option<User>,
    outcome: Outcome,
}

impl FromRow for Changed {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            user: user_if_any(row)?,
            outcome: Outcome::from_row(row)?,
        })
    }
}

pub(super) async fn update(
    database: &dyn Database,
    id: UserId,
    patch: &UserPatch,
    expected: Expected,
    confirmed: Option<&PasswordHash>,
    actor: &Actor,
) -> Result<User, Error> {
    let unmet = expected.unmet();
    let (any_of, none_of) = expected.into_parts();
    let params = vec![
        id.0.into(),
        patch.email.as_ref().map(|email| email.as_str()).into(),
        patch.full_name.as_ref().map(|name| name.as_str()).into(),
        patch.role.map(|role| role.as_str()).into(),
        patch.is_active.into(),
        any_of.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
        confirmed.map(PasswordHash::as_str).into(),
        none_of.into(),
        actor.is_service_account().into(),
        patch.attributes.to_json().into(),
    ];
    let changed = database.write_opt::<Changed>(UPDATE, params).await?;
    let Changed { user, outcome } = changed.ok_or(Error::NotFound)?;
    user.ok_or_else(|| outcome.refusal(unmet))
}

/// The row is locked first here too: a user deleted in the meantime is not found, rather than stale.
const DELETE: &str = concat!(
    "WITH before AS MATERIALIZED (
        SELECT id, role, version, password_hash FROM users WHERE id = $1 FOR UPDATE
     ), ",
    confirmation_check!("$3", "$6", "true"),
    ", expected AS MATERIALIZED (
        SELECT id FROM before, confirmation_check WHERE confirmed AND NOT needed
            AND ($2::bigint[] IS NULL OR version = ANY ($2)) AND version <> ALL ($7::bigint[])
     ), gone AS (
        DELETE FROM users USING expected WHERE users.id = expected.id RETURNING users.id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'user_deleted', $3::uuid, id, $4, $5 FROM gone
     )
     SELECT EXISTS (SELECT FROM gone) AS gone, ",
    outcome!()
);

struct DeletionRow {
    gone: bool,
    outcome: Outcome,
}

impl FromRow for DeletionRow {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            gone: row.get("gone")?,
            outcome: Outcome::from_row(row)?,
        })
    }
}

pub(super) async fn delete(
    database: &dyn Database,
    id: UserId,
    expected: Expected,
    confirmed: Option<&PasswordHash>,
    actor: &Actor,
) -> Result<(), Error> {
    let unmet = expected.unmet();
    let (any_of, none_of) = expected.into_parts();
    let params = vec![
        id.0.into(),
        any_of.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
        confirmed.map(PasswordHash::as_str).into(),
        none_of.into(),
    ];
    match database.write_opt(DELETE, params).await? {
        Some(DeletionRow { gone: true, .. }) => Ok(()),
        Some(DeletionRow { outcome, .. }) => Err(outcome.refusal(unmet)),
        None => Err(Error::NotFound),
    }
}
