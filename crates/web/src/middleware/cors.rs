//! CORS for exactly the configured origins; off when there are none.

use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::CorsLayer;

use crate::middleware::request_id::X_REQUEST_ID;

/// Returns the layer for `origins`; `None` when the list is empty, so that browsers get no permission.
pub fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let sent = [
        AUTHORIZATION,
        CONTENT_TYPE,
        HeaderName::from_static("idempotency-key"),
        IF_MATCH,
        IF_NONE_MATCH,
        HeaderName::from_static("traceparent"),
        X_REQUEST_ID,
    ];
    let read = [
        ETAG,
        LINK,
        LOCATION,
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
        RETRY_AFTER,
        WWW_AUTHENTICATE,
        X_REQUEST_ID,
    ];
    Some(
        CorsLayer::new()
            .allow_origin(origins.to_vec())
            .allow_credentials(true)
            .allow_methods(methods)
            .allow_headers(sent)
            .expose_headers(read)
            .max_age(Duration::from_secs(600)),
    )
}
