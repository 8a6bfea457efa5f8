//! Tests of the endpoints with a scripted Postgres and Redis.

use super::*;
use std::sync::Mutex;
use std::time::Duration;

use accounts::schema::SCHEMA_VERSION;
use async_trait::async_trait;
use axum::body::Body;
use futures::executor::block_on;
use http_body_util::BodyExt;
use spin_pg_bindings::postgres::{Error, Param, Row, Value};
use spin_pg_bindings::redis::{Command, RedisError, Reply};
use web::App;
use web::config::HttpConfig;
use web::middleware::log::Level;
use web::wiring::startup::StartupReport;

const READY: &str = "/api/v1/health/ready";

/// Returns a scripted result for one statement, and fails the test on a second one.
struct Scripted(Mutex<Option<Result<Vec<Row>, Error>>>);

#[async_trait]
impl Database for Scripted {
    async fn read(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.0.lock().unwrap().take().unwrap()
    }

    async fn write(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, Error> {
        panic!("unexpected write")
    }
}

/// A Redis that is down, or lacks or has the mark of a recent response from Postgres.
#[derive(Clone, Copy)]
enum Cache {
    Down,
    Empty,
    Marked,
}

#[async_trait]
impl Redis for Cache {
    async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        match (self, command.name) {
            (Self::Down, _) => Err(RedisError::Connection("refused".into())),
            (Self::Marked, "GET") => Ok(vec![Reply::Bytes(b"1".to_vec())]),
            _ => Ok(vec![Reply::Nil]),
        }
    }
}

/// Response of the only other component.
struct OtherComponent(StartupReport);

#[async_trait]
impl Components for OtherComponent {
    async fn query(&self) -> Vec<StartupReport> {
        vec![self.0.clone()]
    }
}

fn get(path: &str, result: Result<i64, Error>, redis: Cache) -> (u16, serde_json::Value) {
    get_with_component(StartupReport::None, path, result, redis)
}

fn get_with_component(
    other: StartupReport,
    path: &str,
    result: Result<i64, Error>,
    redis: Cache,
) -> (u16, serde_json::Value) {
    let rows = result.map(|version| {
        vec![Row::new(
            Arc::new(["version".to_owned()]),
            vec![Value::Int64(version)],
        )]
    });
    let database = Arc::new(Scripted(Mutex::new(Some(rows))));
    let state = HealthState {
        database,
        redis: Arc::new(redis),
        others: Arc::new(OtherComponent(other)),
        log: Log::new(Level::Error, "roster", "test"),
        host: "h".into(),
    };
    let config = HttpConfig {
        allowed_origins: Vec::new(),
        log: state.log.clone(),
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
fn readiness_depends_on_postgres_but_not_on_redis() {
    let (status, body) = get(READY, Ok(SCHEMA_VERSION), Cache::Empty);
    assert_eq!((status, &body["status"]), (200, &"ready".into()));
    let (status, body) = get(READY, Ok(SCHEMA_VERSION), Cache::Down);
    assert_eq!((status, &body["status"]), (200, &"degraded".into()));
    assert_eq!(get(READY, Ok(SCHEMA_VERSION - 1), Cache::Marked).0, 503);
    let refused = Err(Error::Connection("10.0.0.7 refused".into()));
    let (status, body) = get(READY, refused, Cache::Marked);
    assert_eq!((status, &body["code"]), (503, &"unavailable".into()));
    assert!(!body.to_string().contains("10.0.0.7"));
}

#[test]
fn a_timeout_is_an_outage_only_without_a_recent_reply() {
    let late = || Err(Error::Timeout(Duration::from_secs(1)));
    let full = || {
        Err(Error::Connection(
            "FATAL: sorry, too many clients already".into(),
        ))
    };
    for (failure, name) in [(late as fn() -> _, "late"), (full, "full")] {
        let (status, body) = get(READY, failure(), Cache::Marked);
        assert_eq!(
            (status, &body["status"]),
            (200, &"degraded".into()),
            "{name}"
        );
        assert_eq!(body["checks"]["postgres"], "busy", "{name}");
        for cache in [Cache::Empty, Cache::Down] {
            assert_eq!(get(READY, failure(), cache).0, 503, "{name}");
        }
    }
}

#[test]
fn readiness_names_an_invalid_setting() {
    let wrong = || StartupReport::Misconfigured("cursor_key".into());
    let (status, body) = get_with_component(wrong(), READY, Ok(SCHEMA_VERSION), Cache::Marked);
    assert_eq!((status, &body["code"]), (503, &"unavailable".into()));
    assert!(
        body["detail"].as_str().unwrap().contains("(cursor_key)"),
        "{body}"
    );
    let (status, _) = get_with_component(wrong(), "/api/v1/health/live", Ok(0), Cache::Down);
    assert_eq!(status, 200);
}

#[test]
fn health_reports_failures_and_liveness_checks_nothing() {
    let (status, body) = get(
        "/api/v1/health",
        Err(Error::Connection("refused".into())),
        Cache::Empty,
    );
    assert_eq!((status, &body["status"]), (200, &"unhealthy".into()));
    assert_eq!(
        body["checks"],
        serde_json::json!({"postgres": "down", "redis": "up"})
    );
    let (status, body) = get("/api/v1/health/live", Ok(0), Cache::Down);
    assert_eq!(
        (status, &body["status"], &body["service"]),
        (200, &"alive".into(), &"roster".into())
    );
    assert_eq!(body["environment"], "test");
}
