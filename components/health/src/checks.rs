//! The state of Postgres and Redis, and how a busy Postgres is told from one that is gone.
//!
//! Refused connections and a missing schema end readiness at once. A missed deadline alone does not:
//! under load every instance misses some, and the traffic of all would be sent away. It counts as
//! down when no instance of the app had an answer for [`BUSY_SECONDS`]; Redis keeps that fact.

use std::sync::Arc;

use accounts::users::SCHEMA_VERSION;
use serde::Serialize;
use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use spin_pg_bindings::redis::{Command, Redis, Reply};
use utoipa::ToSchema;

/// Present while Postgres answered a check of any instance lately.
pub const ANSWERED: &str = "roster:health:postgres";
/// Three periods of the readiness probe.
pub const BUSY_SECONDS: i64 = 15;

/// The newest migration that was applied.
const SCHEMA: &str =
    "SELECT coalesce(max(version), 0) AS version FROM _sqlx_migrations WHERE success";

/// The state of what the app depends on.
#[derive(Serialize, ToSchema)]
pub struct Checks {
    /// `up`, `busy` (no answer in time, though there was one in the last 15 seconds), `down` or
    /// `not migrated`.
    #[schema(example = "up")]
    postgres: &'static str,
    /// `up` or `down`.
    #[schema(example = "up")]
    redis: &'static str,
    /// Why the app is not ready, for the log.
    #[serde(skip)]
    pub internal: Option<String>,
}

impl Checks {
    /// The state of the whole.
    pub fn status(&self) -> &'static str {
        match (self.postgres, self.redis) {
            ("up", "up") => "healthy",
            ("up" | "busy", _) => "degraded",
            _ => "unhealthy",
        }
    }

    /// Whether Redis answered.
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

/// Asks both.
pub async fn check(database: &Arc<dyn Database>, redis: &Arc<dyn Redis>) -> Checks {
    let schema = database.read_opt::<Schema>(SCHEMA, Vec::new());
    let lookup = Command::new("GET", [ANSWERED]);
    let answered = redis.execute(&lookup);
    let (schema, answered) = futures::join!(schema, answered);
    let lately = matches!(answered.as_deref(), Ok([Reply::Bytes(_), ..]));
    let (postgres, internal) = match schema {
        Ok(Some(Schema(version))) if version >= SCHEMA_VERSION => ("up", None),
        Ok(schema) => {
            let version = schema.map_or(0, |schema| schema.0);
            let text = format!("schema version {version}, needs {SCHEMA_VERSION}: run migrations");
            ("not migrated", Some(text))
        }
        // The ledger is not there, or not yet granted to the app's role.
        Err(error) if matches!(error.sqlstate(), Some("42P01" | "42501")) => {
            ("not migrated", Some(error.to_string()))
        }
        Err(error) if error.is_overload() && lately => ("busy", None),
        Err(error) => ("down", Some(error.to_string())),
    };
    let checks = Checks {
        postgres,
        redis: if answered.is_ok() { "up" } else { "down" },
        internal,
    };
    if checks.status() == "healthy" {
        remember(redis).await;
    }
    checks
}

/// Keeps for the other instances, and for later, that Postgres answers.
async fn remember(redis: &Arc<dyn Redis>) {
    let seconds = BUSY_SECONDS.to_string();
    let command = Command::new("SET", [ANSWERED, "1", "EX", seconds.as_str()]);
    // Without it a missed deadline counts as an outage, which is the careful side.
    let _ = redis.execute(&command).await;
}
