//! Endpoints for liveness, readiness, the state of the app's dependencies, and metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::{Json, Router};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::{OpenApi, ToSchema};
use web::Problem;
use web::auth::access_control::Routes;
use web::auth::endpoints::Endpoint;
use web::wiring::startup::Started;

use crate::checks::{Checks, check};
use crate::metrics::{self, metrics};
use crate::start;
use crate::state::HealthState;

/// OpenAPI documentation of the endpoints.
#[derive(OpenApi)]
#[openapi(paths(health, live, ready, metrics::metrics))]
pub struct Documentation;

pub fn router(state: HealthState) -> Router {
    Routes::open()
        .serve(Endpoint::Health, health)
        .serve(Endpoint::Live, live)
        .serve(Endpoint::Ready, ready)
        .serve(Endpoint::Metrics, metrics)
        .with_state(Arc::new(state))
}

/// Status of the app. `checks` is absent when no dependency is checked.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct Report {
    /// `alive`, `ready`, `healthy`, `degraded` (Redis is down, or Postgres is busy) or `unhealthy` (Postgres
    /// is down or not migrated).
    #[schema(example = "healthy")]
    status: &'static str,
    #[schema(example = "roster")]
    service: String,
    #[schema(example = "production")]
    environment: String,
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
    fn new(state: &HealthState, status: &'static str, checks: Option<Checks>) -> Json<Self> {
        Json(Self {
            status,
            service: state.log.service().to_string(),
            environment: state.log.environment().to_string(),
            version: env!("CARGO_PKG_VERSION"),
            timestamp: OffsetDateTime::now_utc(),
            checks,
        })
    }
}

/// Check the health
///
/// Returns the state of each dependency, for people and dashboards. The status is always 200.
#[utoipa::path(
    get, path = Endpoint::Health.path(), tag = "operations",
    responses((status = 200, description = "State of the app and its dependencies", body = Report)),
)]
async fn health(State(state): State<Arc<HealthState>>) -> Json<Report> {
    let checks = check(&state.database, &state.redis).await;
    Report::new(&state, checks.status(), Some(checks))
}

/// Check liveness
///
/// Returns 200 if the instance responds. No dependency is checked, so that an outage does not restart pods.
#[utoipa::path(
    get, path = Endpoint::Live.path(), tag = "operations",
    responses((status = 200, description = "The instance responds", body = Report)),
)]
async fn live(State(state): State<Arc<HealthState>>) -> Json<Report> {
    Report::new(&state, "alive", None)
}

/// Check readiness
///
/// Returns 200 if requests can be served: the configuration of every component is valid, and Postgres
/// responds and has the schema. An invalid setting is named. Redis is a cache: without it the app is slower,
/// so its outage is reported with 200. A Postgres that does not respond in time is also reported with 200,
/// for 15 seconds after its last response, because load must not make the whole app unready.
#[utoipa::path(
    get, path = Endpoint::Ready.path(), tag = "operations",
    responses((status = 200, description = "The app is ready", body = Report)),
)]
async fn ready(State(state): State<Arc<HealthState>>) -> Result<Json<Report>, Problem> {
    let (mut checks, reports) =
        futures::join!(check(&state.database, &state.redis), state.others.query());
    let mut started = start::all(reports)
        .map_err(|settings| Problem::misconfigured(&settings, "invalid configuration"))?;
    if let Some(internal) = checks.internal.take() {
        return Err(Problem::unavailable(internal));
    }
    if checks.has_redis() {
        started.push(own_startup());
        start::announce(&*state.redis, &state.log, &state.host, &started).await;
    }
    let status = match checks.status() {
        "healthy" => "ready",
        status => status,
    };
    Ok(Report::new(&state, status, Some(checks)))
}

/// This component, which has started if it responds.
fn own_startup() -> Started {
    Started {
        component: "health".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        switches: [].into(),
    }
}

#[cfg(test)]
mod tests;
