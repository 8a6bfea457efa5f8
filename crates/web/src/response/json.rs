//! JSON responses with their caching rules.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;

use super::entity_tag::ETag;
use super::validators::set_validators;
use crate::Problem;

/// Returns `body` as JSON that only a private cache may store, and must revalidate on every use.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    let mut response = secret_json(status, body)?;
    set_validators(&mut response, None);
    Ok(response)
}

/// Does the same with an entity tag.
pub fn tagged_json(
    status: StatusCode,
    body: &impl Serialize,
    tag: ETag,
) -> Result<Response, Problem> {
    let mut response = secret_json(status, body)?;
    set_validators(&mut response, Some(tag));
    Ok(response)
}

/// Returns `body` as JSON that no cache may store, such as tokens.
pub fn secret_json(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::internal(error.to_string()))?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((status, headers, body).into_response())
}
