//! State of Postgres and Redis. Distinguishes a busy Postgres from one that is down.
//!
//! A refused connection or a missing schema ends readiness at once. A missed deadline alone does not: under
//! load every instance misses some, and the whole app would become unready. Postgres counts as down when no
//! instance has had a response for [`BUSY_SECONDS`]; a key in Redis records responses.

use std::sync::Arc;

use accounts::schema::SCHEMA_VERSION;
use serde::Serialize;
use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use spin_pg_bindings::redis::{Command, Redis, Reply};
use utoipa::ToSchema;

/// Redis key that exists while Postgres has recently responded to a check of any instance.
pub const LAST_REPLY_KEY: &str = "roster:health:postgres";
/// Lifetime of [`LAST_REPLY_KEY`]: three periods of the readiness probe.
pub const BUSY_SECONDS: i64 = 15;

/// Version of the newest applied migration.
const SCHEMA: &str =
    "SELECT coalesce(max(version), 0) AS version FROM _sqlx_migrations WHERE success";

/// State of the app's dependencies.
#[derive(Serialize, ToSchema)]
pub struct Checks {
    /// `up`, `busy` (no response in time, but one within the last 15 seconds), `down` or `not migrated`.
    #[schema(example = "up")]
    postgres: &'static str,
    /// `up` or `down`.
    #[schema(example = "up")]
    redis: &'static str,
    /// Reason that the app is not ready, for the log.
    #[serde(skip)]
    pub internal: Option<String>,
}

impl Checks {
    /// Overall status.
    pub fn status(&self) -> &'static str {
        match (self.postgres, self.redis) {
            ("up", "up") => "healthy",
            ("up" | "busy", _) => "degraded",
            _ => "unhealthy",
        }
    }

    /// Returns true if Redis replied.
    pub fn has_redis(&self) -> bool {
        self.redis == "up"
    }
}

struct Schema(i64);

impl FromRow for Schema {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self(row.get("version")?))
    }
}

/// Checks both stores.
pub async fn check(database: &Arc<dyn Database>, redis: &Arc<dyn Redis>) -> Checks {
    let schema = database.read_opt::<Schema>(SCHEMA, Vec::new());
    let lookup = Command::new("GET", [LAST_REPLY_KEY]);
    let mark = redis.execute(&lookup);
    let (schema, mark) = futures::join!(schema, mark);
    let lately = matches!(mark.as_deref(), Ok([Reply::Bytes(_), ..]));
    let (postgres, internal) = match schema {
        Ok(Some(Schema(version))) if version >= SCHEMA_VERSION => ("up", None),
        Ok(schema) => {
            let version = schema.map_or(0, |schema| schema.0);
            let text =
                format!("schema version {version}, expected {SCHEMA_VERSION}: run migrations");
            ("not migrated", Some(text))
        }
        // The table of migrations does not exist, or the app's role has no access to it yet.
        Err(error) if matches!(error.sqlstate(), Some("42P01" | "42501")) => {
            ("not migrated", Some(error.to_string()))
        }
        Err(error) if error.is_overload() && lately => ("busy", None),
        Err(error) => ("down", Some(error.to_string())),
    };
    let checks = Checks {
        postgres,
        redis: if mark.is_ok() { "up" } else { "down" },
        internal,
    };
    if checks.status() == "healthy" {
        remember(redis).await;
    }
    checks
}

/// Records in Redis that Postgres responds, for other instances and later checks.
async fn remember(redis: &Arc<dyn Redis>) {
    let seconds = BUSY_SECONDS.to_string();
    let command = Command::new("SET", [LAST_REPLY_KEY, "1", "EX", seconds.as_str()]);
    // Without the record, a missed deadline counts as an outage, which is the safe side.
    let _ = redis.execute(&command).await;
}
