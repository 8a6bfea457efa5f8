//! SQL that imports users.

use serde::Serialize;
use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::Actor;
use crate::password::PasswordHash;
use crate::user::attributes::Attributes;
use crate::user::external_id::ExternalId;
use crate::user::imported::{ImportedUser, LineOutcome};
use crate::{Error, FieldError, UserId};

/// Inserts the users whose id, email and external id are free, in the order of their emails, so that concurrent
/// imports of the same users wait for one another in turn. A user that a concurrent statement creates is neither
/// inserted nor visible to this statement: its line has no id at all, and another run finds it.
const IMPORT: &str = "WITH line AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS line (line bigint, id uuid, has_id boolean,
            email text, full_name text, role text, is_active boolean, external_id text, created_at timestamptz,
            password_hash text, attributes jsonb)
     ), known AS MATERIALIZED (
        SELECT line.line, by_id.id AS by_id, by_email.id AS by_email, by_external_id.id AS by_external_id
        FROM line
        LEFT JOIN users AS by_id ON by_id.id = line.id
        LEFT JOIN users AS by_email ON by_email.email = line.email
        LEFT JOIN users AS by_external_id ON by_external_id.external_id = line.external_id
     ), created AS (
        INSERT INTO users (id, email, full_name, role, is_active, external_id, created_at, password_hash, attributes)
        SELECT id, email, full_name, role, is_active, external_id, coalesce(created_at, now()), password_hash,
            coalesce(attributes, '{}')
        FROM line JOIN known USING (line)
        WHERE by_id IS NULL AND by_email IS NULL AND by_external_id IS NULL
        ORDER BY email ON CONFLICT DO NOTHING RETURNING id
     ), audited AS (
        INSERT INTO audit (action, actor_id, target_id, request_id, client)
        SELECT 'user_imported', $2::uuid, id, $3, $4 FROM created
     )
     SELECT line, has_id, external_id IS NOT NULL AS has_external_id, created.id AS created,
        by_id, by_email, by_external_id
     FROM line JOIN known USING (line) LEFT JOIN created USING (id)";

/// A user as the statement reads it.
#[derive(Serialize)]
struct Parameter<'a> {
    line: usize,
    id: Uuid,
    has_id: bool,
    email: &'a str,
    full_name: &'a str,
    role: &'static str,
    is_active: bool,
    external_id: Option<&'a str>,
    #[serde(with = "time::serde::rfc3339::option")]
    created_at: Option<OffsetDateTime>,
    password_hash: Option<&'a str>,
    attributes: &'a Attributes,
}

/// Users that have the id, the email and the external id of a line.
struct Found {
    line: i64,
    has_id: bool,
    has_external_id: bool,
    created: Option<Uuid>,
    by_id: Option<Uuid>,
    by_email: Option<Uuid>,
    by_external_id: Option<Uuid>,
}

impl FromRow for Found {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            line: row.get("line")?,
            has_id: row.get("has_id")?,
            has_external_id: row.get("has_external_id")?,
            created: row.get("created")?,
            by_id: row.get("by_id")?,
            by_email: row.get("by_email")?,
            by_external_id: row.get("by_external_id")?,
        })
    }
}

impl Found {
    /// Returns the outcome; `None` if a concurrent statement has created the user.
    fn outcome(&self) -> Option<LineOutcome> {
        if let Some(id) = self.created {
            return Some(LineOutcome::Created(UserId(id)));
        }
        let rejected = |field, detail| LineOutcome::Rejected(vec![FieldError::new(field, detail)]);
        let Some(user) = self.by_email else {
            let another = "belongs to a user with another email";
            return match (self.by_id, self.by_external_id) {
                (Some(_), _) => Some(rejected("id", another)),
                (None, Some(_)) => Some(rejected("external_id", another)),
                (None, None) => None,
            };
        };
        let another = "belongs to another user than the email";
        Some(match (self.by_id, self.by_external_id) {
            (Some(other), _) if other != user => rejected("id", another),
            (None, _) if self.has_id => rejected("email", "belongs to a user with another id"),
            (_, Some(other)) if other != user => rejected("external_id", another),
            (_, None) if self.has_external_id => {
                rejected("email", "belongs to a user without this external_id")
            }
            _ => LineOutcome::Unchanged(UserId(user)),
        })
    }
}

/// Imports users, and returns the outcomes by line, without those of lines that a concurrent statement created.
pub(in crate::user::service) async fn import(
    database: &dyn Database,
    users: &[(usize, ImportedUser)],
    actor: &Actor,
) -> Result<Vec<(usize, LineOutcome)>, Error> {
    let now = OffsetDateTime::now_utc();
    let parameters: Vec<_> = users
        .iter()
        .map(|(line, user)| Parameter {
            line: *line,
            id: user.id_or_new(now).0,
            has_id: user.id.is_some(),
            email: user.email.as_str(),
            full_name: user.full_name.as_str(),
            role: user.role.as_str(),
            is_active: user.is_active,
            external_id: user.external_id.as_ref().map(ExternalId::as_str),
            created_at: user.created_at,
            password_hash: user.password_hash.as_ref().map(PasswordHash::as_str),
            attributes: &user.attributes,
        })
        .collect();
    // As text: a JSON value would take the memory of the request a second time.
    let lines = serde_json::to_string(&parameters)
        .map_err(|error| Error::Internal(format!("an import is not JSON: {error}")))?;
    let params = vec![
        lines.into(),
        actor.id().into(),
        actor.request_id.as_str().into(),
        actor.client().into(),
    ];
    let found = database.write_as::<Found>(IMPORT, params).await?;
    let outcome = |found: &Found| Some((usize::try_from(found.line).ok()?, found.outcome()?));
    Ok(found.iter().filter_map(outcome).collect())
}
