//! `/metrics`: the totals of all instances of all components, for Prometheus.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use spin_pg_bindings::redis::Arg;
use web::Problem;
use web::metrics::{KEY, text};

use crate::routes::HealthState;

/// Every pod answers the same totals, so a scrape asks the service once, not each pod. Without
/// Redis there are no totals: 503, and Prometheus marks the gap.
pub async fn metrics(State(state): State<HealthState>) -> Result<Response, Problem> {
    let totals = state.redis.execute("HGETALL", vec![Arg::from(KEY)]).await;
    let totals = totals.map_err(|error| Problem::unavailable(error.to_string()))?;
    let text = text::render(&totals, env!("CARGO_PKG_VERSION"));
    Ok(([(CONTENT_TYPE, text::CONTENT_TYPE)], text).into_response())
}
