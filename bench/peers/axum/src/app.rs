//! Shared state of requests, and the routes.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::admission::{self, RateLimit};
use crate::cache::Cache;
use crate::cursor::CursorKey;
use crate::fingerprint::{FingerprintKey, Purpose};
use crate::login::AttemptLimits;
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::{body, login, shell, users};

/// Maximum size of a request body.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Shared state of requests.
pub struct App {
    pub store: Store,
    pub cache: Cache,
    pub tokens: Tokens,
    pub passwords: Passwords,
    pub cursors: CursorKey,
    pub addresses: FingerprintKey,
    pub emails: FingerprintKey,
    pub rate_limit: RateLimit,
    pub attempts: AttemptLimits,
    pub metrics: Metrics,
}

/// Creates the routes over both stores.
pub async fn router(settings: &Settings) -> Result<Router> {
    let root = settings.cursor_key.as_bytes();
    let app = Arc::new(App {
        store: Store::new(settings)?,
        cache: Cache::connect(settings).await?,
        tokens: Tokens::new(settings),
        passwords: Passwords::new(settings.hash_slots),
        cursors: CursorKey::new(root),
        addresses: FingerprintKey::new(root, Purpose::Address),
        emails: FingerprintKey::new(root, Purpose::LoginEmail),
        rate_limit: RateLimit {
            requests: settings.rate_limit_requests,
            window_seconds: settings.rate_limit_window_seconds,
        },
        attempts: AttemptLimits {
            per_account: settings.login_attempts_per_account,
            per_network: settings.login_attempts_per_ip,
            first_delay_seconds: settings.login_delay_seconds,
        },
        metrics: Metrics::default(),
    });
    let limited = Router::new()
        .route("/api/v1/users", get(users::list).post(users::create))
        .route("/api/v1/users/{id}", get(users::get).patch(users::update))
        .route("/api/v1/auth/login", post(login::login))
        .route_layer(from_fn_with_state(app.clone(), admission::admit));
    Ok(Router::new()
        .merge(limited)
        .route("/api/v1/health/live", get(live))
        .route("/api/v1/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(body::refuse_coded))
        .layer(from_fn_with_state(app.clone(), shell::enclose))
        .with_state(app))
}

fn report(status: &str) -> axum::Json<serde_json::Value> {
    let now = OffsetDateTime::now_utc().format(&Rfc3339);
    axum::Json(json!({
        "status": status,
        "service": "peer-axum",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": now.unwrap_or_default(),
    }))
}

async fn live() -> impl IntoResponse {
    report("alive")
}

/// Postgres must respond. Without Redis the API is slower, but ready.
async fn ready(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    app.store.ping().await?;
    let status = match app.cache.ping().await {
        true => "ready",
        false => "degraded",
    };
    Ok(report(status).into_response())
}

async fn metrics(State(app): State<Arc<App>>) -> Result<String, Problem> {
    app.metrics.text().map_err(Problem::internal)
}

async fn nothing() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "The path does not exist.",
    )
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "The path does not support this method; see the Allow header.",
    )
}
