//! Liveness, readiness, and the state of what the app depends on.

use std::sync::Arc;

use accounts::users::SCHEMA_VERSION;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use spin_pg_bindings::redis::Redis;
use time::OffsetDateTime;
use web::Problem;

/// What the checks ask.
#[derive(Clone)]
pub struct HealthState {
    pub database: Arc<dyn Database>,
    pub redis: Arc<dyn Redis>,
}

pub fn router(state: HealthState) -> Router {
    Router::new()
        .route("/api/v1/health", get(health))
        .route("/api/v1/health/live", get(live))
        .route("/api/v1/health/ready", get(ready))
        .with_state(state)
}

/// The answer of all three; `checks` is absent where nothing is checked.
#[derive(Serialize)]
struct Report {
    status: &'static str,
    service: &'static str,
    version: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Checks>,
}

impl Report {
    fn new(status: &'static str, checks: Option<Checks>) -> Json<Self> {
        Json(Self {
            status,
            service: "roster",
            version: env!("CARGO_PKG_VERSION"),
            timestamp: OffsetDateTime::now_utc(),
            checks,
        })
    }
}

#[derive(Serialize)]
struct Checks {
    postgres: &'static str,
    redis: &'static str,
    #[serde(skip)]
    internal: Option<String>,
}

impl Checks {
    fn status(&self) -> &'static str {
        match (self.postgres, self.redis) {
            ("up", "up") => "healthy",
            ("up", _) => "degraded",
            _ => "unhealthy",
        }
    }
}

/// What each dependency says; always 200, for people and dashboards.
async fn health(State(state): State<HealthState>) -> Json<Report> {
    let checks = check(&state).await;
    Report::new(checks.status(), Some(checks))
}

/// The instance answers; nothing else is asked, so that no outage restarts pods.
async fn live() -> Json<Report> {
    Report::new("alive", None)
}

/// Whether requests can be served: Postgres answers and has the schema. Redis is a cache: without
/// it the app is slower, so it is reported and the answer stays 200.
async fn ready(State(state): State<HealthState>) -> Result<Json<Report>, Problem> {
    let mut checks = check(&state).await;
    match checks.internal.take() {
        Some(internal) => Err(Problem::unavailable(internal)),
        None => Ok(match checks.status() {
            "healthy" => Report::new("ready", Some(checks)),
            status => Report::new(status, Some(checks)),
        }),
    }
}

/// The newest migration that was applied.
const SCHEMA: &str =
    "SELECT coalesce(max(version), 0) AS version FROM _sqlx_migrations WHERE success";

struct Schema(i64);

impl FromRow for Schema {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self(row.get("version")?))
    }
}

async fn check(state: &HealthState) -> Checks {
    let schema = state.database.read_opt::<Schema>(SCHEMA, Vec::new());
    let ping = state.redis.execute("PING", Vec::new());
    let (schema, ping) = futures::join!(schema, ping);
    let redis = if ping.is_ok() { "up" } else { "down" };
    let (postgres, internal) = match schema {
        Ok(Some(Schema(version))) if version >= SCHEMA_VERSION => ("up", None),
        Ok(schema) => {
            let version = schema.map_or(0, |schema| schema.0);
            let text = format!("schema version {version}, needs {SCHEMA_VERSION}: run migrations");
            ("not migrated", Some(text))
        }
        Err(error) => ("down", Some(error.to_string())),
    };
    Checks { postgres, redis, internal }
}
