//! `/metrics`: the totals of all instances of all components, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use spin_pg_bindings::redis::Command;
use web::Problem;
use web::auth::endpoints::Endpoint;
use web::metrics::{KEY, prometheus};

use crate::state::HealthState;

/// Get the metrics
///
/// Returns totals of the whole app as Prometheus text (version 0.0.4).
///
/// Every pod returns the same totals, so scrape the service, not each pod. If Redis is down, there are no
/// totals: the response is 503, and Prometheus marks the gap.
#[utoipa::path(
    get, path = Endpoint::Metrics.path(), tag = "operations",
    responses((status = 200, description = "The metrics", body = String, content_type = prometheus::CONTENT_TYPE)),
)]
pub async fn metrics(State(state): State<Arc<HealthState>>) -> Result<Response, Problem> {
    let totals = state.redis.execute(&Command::new("HGETALL", [KEY])).await;
    let totals = totals.map_err(|error| Problem::unavailable(error.to_string()))?;
    let text = prometheus::render(&totals, env!("CARGO_PKG_VERSION"));
    Ok(([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response())
}
