//! Liveness, readiness, the state of what the app depends on, and the way to the metrics.

use std::sync::Arc;

use accounts::users::SCHEMA_VERSION;
use axum::extract::State;
use axum::{Json, Router};
use serde::Serialize;
use spin_pg_bindings::postgres::{self, Database, FromRow, Row};
use spin_pg_bindings::redis::Redis;
use time::OffsetDateTime;
use utoipa::{OpenApi, ToSchema};
use web::Problem;
use web::endpoints::Endpoint;
use web::gate::Routes;

use crate::metrics::{self, metrics};

/// What the checks ask.
#[derive(Clone)]
pub struct HealthState {
    pub database: Arc<dyn Database>,
    pub redis: Arc<dyn Redis>,
}

/// What the endpoints say of themselves.
#[derive(OpenApi)]
#[openapi(paths(health, live, ready, metrics::metrics))]
pub struct Documentation;

pub fn router(state: HealthState) -> Router {
    Routes::open()
        .serve(Endpoint::Health, health)
        .serve(Endpoint::Live, live)
        .serve(Endpoint::Ready, ready)
        .serve(Endpoint::Metrics, metrics)
        .with_state(state)
}

/// How the app is; `checks` is absent where nothing is checked.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct Report {
    /// `alive`, `ready`, `healthy`, `degraded` (without Redis) or `unhealthy` (without Postgres).
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(example = "roster")]
    service: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(example = "2026-11-24T10:15:30.5Z")]
    timestamp: OffsetDateTime,
    #[schema(nullable = false)]
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

#[derive(Serialize, ToSchema)]
struct Checks {
    /// `up`, `down` or `not migrated`.
    #[schema(example = "up")]
    postgres: &'static str,
    /// `up` or `down`.
    #[schema(example = "up")]
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

/// Check the health
///
/// What each dependency says; always 200, for people and dashboards.
#[utoipa::path(
    get, path = Endpoint::Health.path(), tag = "operations",
    responses((status = 200, description = "What was found", body = Report)),
)]
async fn health(State(state): State<HealthState>) -> Json<Report> {
    let checks = check(&state).await;
    Report::new(checks.status(), Some(checks))
}

/// Check liveness
///
/// The instance answers; nothing else is asked, so that no outage restarts pods.
#[utoipa::path(
    get, path = Endpoint::Live.path(), tag = "operations",
    responses((status = 200, description = "Alive", body = Report)),
)]
async fn live() -> Json<Report> {
    Report::new("alive", None)
}

/// Check readiness
///
/// Whether requests can be served: Postgres answers and has the schema. Redis is a cache: without it
/// the app is slower, so it is reported and the answer stays 200.
#[utoipa::path(
    get, path = Endpoint::Ready.path(), tag = "operations",
    responses((status = 200, description = "Ready", body = Report)),
)]
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
        // The ledger is not there: nothing was ever migrated.
        Err(error) if error.sqlstate() == Some("42P01") => {
            ("not migrated", Some(error.to_string()))
        }
        Err(error) => ("down", Some(error.to_string())),
    };
    Checks {
        postgres,
        redis,
        internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use axum::body::Body;
    use futures::executor::block_on;
    use http_body_util::BodyExt;
    use spin_pg_bindings::postgres::{Error, Param, Value};
    use spin_pg_bindings::redis::{Arg, RedisError, Reply};
    use web::App;
    use web::config::HttpConfig;
    use web::log::Level;

    /// Answers one statement as it was told, and fails the test on a second.
    struct Scripted(Mutex<Option<Result<Vec<Row>, Error>>>);

    #[async_trait]
    impl Database for Scripted {
        async fn read(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, Error> {
            self.0.lock().unwrap().take().unwrap()
        }

        async fn write(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, Error> {
            panic!("health writes nothing")
        }
    }

    struct Pong(bool);

    #[async_trait]
    impl Redis for Pong {
        async fn execute(&self, _: &str, _: Vec<Arg>) -> Result<Vec<Reply>, RedisError> {
            match self.0 {
                true => Ok(vec![Reply::Status("PONG".into())]),
                false => Err(RedisError::Connection("refused".into())),
            }
        }
    }

    fn get(path: &str, answer: Result<i64, Error>, redis: bool) -> (u16, serde_json::Value) {
        let rows = answer.map(|version| {
            vec![Row::new(
                Arc::new(["version".to_owned()]),
                vec![Value::Int64(version)],
            )]
        });
        let database = Arc::new(Scripted(Mutex::new(Some(rows))));
        let state = HealthState {
            database,
            redis: Arc::new(Pong(redis)),
        };
        let config = HttpConfig {
            allowed_origins: Vec::new(),
            log_level: Level::Error,
        };
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let (parts, body) = block_on(App::new(router(state), &config).handle(request)).into_parts();
        let body = block_on(body.collect()).unwrap().to_bytes();
        assert_eq!(parts.headers["cache-control"], "no-store");
        (
            parts.status.as_u16(),
            serde_json::from_slice(&body).unwrap(),
        )
    }

    #[test]
    fn ready_follows_postgres_and_its_schema_and_only_reports_redis() {
        let ready = "/api/v1/health/ready";
        let (status, body) = get(ready, Ok(SCHEMA_VERSION), true);
        assert_eq!((status, &body["status"]), (200, &"ready".into()));
        let (status, body) = get(ready, Ok(SCHEMA_VERSION), false);
        assert_eq!((status, &body["status"]), (200, &"degraded".into()));
        assert_eq!(get(ready, Ok(SCHEMA_VERSION - 1), true).0, 503);
        let (status, body) = get(
            ready,
            Err(Error::Connection("10.0.0.7 refused".into())),
            true,
        );
        assert_eq!((status, &body["code"]), (503, &"unavailable".into()));
        assert!(!body.to_string().contains("10.0.0.7"));
    }

    #[test]
    fn health_reports_and_live_asks_nobody() {
        let (status, body) = get(
            "/api/v1/health",
            Err(Error::Connection("refused".into())),
            true,
        );
        assert_eq!((status, &body["status"]), (200, &"unhealthy".into()));
        assert_eq!(
            body["checks"],
            serde_json::json!({"postgres": "down", "redis": "up"})
        );
        let (status, body) = get("/api/v1/health/live", Ok(0), false);
        assert_eq!(
            (status, &body["status"], &body["service"]),
            (200, &"alive".into(), &"roster".into())
        );
    }
}
