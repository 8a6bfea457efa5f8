//! Caching headers and entity tags.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG, VARY};
use http::{HeaderValue, StatusCode};

use super::entity_tag::ETag;

/// Returns 304: the client has this version.
pub fn not_modified(tag: ETag) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    set_validators(&mut response, Some(tag));
    response
}

/// Sets the caching headers and the entity tag. Responses are private to the caller: no shared cache may
/// store them, and a private cache must revalidate.
pub(super) fn set_validators(response: &mut Response, tag: Option<ETag>) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Authorization"));
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.into());
    }
}
