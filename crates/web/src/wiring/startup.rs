//! The configuration check: a component reports that it started, or the setting that prevents it.
//!
//! Components run only for a request, and none may have the secrets of another. The readiness check therefore
//! sends each of them a request through the host, at a path that the edge does not route, and the component
//! validates its own configuration.

#[cfg(target_arch = "wasm32")]
mod host;

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

#[cfg(target_arch = "wasm32")]
pub use host::query;

/// Path prefix of requests between the app's own components.
const INTERNAL: &str = "/internal/";

/// A component whose configuration is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub component: String,
    pub version: String,
    /// Features that the configuration switches on (`true`) and off.
    pub switches: BTreeMap<String, bool>,
}

/// A missing or invalid setting.
#[derive(Debug, Serialize, Deserialize)]
struct Misconfigured {
    setting: String,
}

/// Response of a component to the configuration check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupReport {
    Started(Started),
    /// The name of the setting.
    Misconfigured(String),
    /// The component is not in this host, or is too busy to respond.
    None,
}

impl StartupReport {
    /// Parses a response. Only a component's own report counts against it: a busy host returns 500 as well.
    #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "for the host"))]
    fn read(status: StatusCode, body: &[u8]) -> Self {
        match status {
            StatusCode::OK => serde_json::from_slice(body).map_or(Self::None, Self::Started),
            StatusCode::SERVICE_UNAVAILABLE => match serde_json::from_slice(body) {
                Ok(Misconfigured { setting }) if is_name(&setting) => Self::Misconfigured(setting),
                _ => Self::None,
            },
            _ => Self::None,
        }
    }
}

/// Returns true if `text` has the form of a variable's name.
fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Path of the configuration check of `component`, as spin.toml routes it.
pub fn path(component: &str) -> String {
    format!("{INTERNAL}{component}/configuration")
}

/// Returns true if `path` is that of a configuration check.
pub fn is_check(path: &str) -> bool {
    path.starts_with(INTERNAL)
}

/// Returns the response of a component that started.
pub fn started(started: &Started) -> Response {
    respond(StatusCode::OK, serde_json::to_vec(started))
}

/// Returns the response of a component that cannot start.
pub fn misconfigured(setting: &str) -> Response {
    let setting = setting.to_owned();
    let body = serde_json::to_vec(&Misconfigured { setting });
    respond(StatusCode::SERVICE_UNAVAILABLE, body)
}

fn respond(status: StatusCode, body: serde_json::Result<Vec<u8>>) -> Response {
    let body = body.unwrap_or_default();
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().extend([
        (CONTENT_TYPE, json),
        (CONTENT_LENGTH, length),
        (CACHE_CONTROL, no_store),
    ]);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use http_body_util::BodyExt;

    fn read(response: Response) -> StartupReport {
        let (parts, body) = response.into_parts();
        let body = block_on(body.collect()).unwrap().to_bytes();
        assert_eq!(parts.headers[CONTENT_LENGTH], body.len().to_string());
        StartupReport::read(parts.status, &body)
    }

    #[test]
    fn a_startup_report_is_read_back_unchanged() {
        let component = Started {
            component: "docs".into(),
            version: "1.2.3".into(),
            switches: [("docs_enabled".to_owned(), false)].into(),
        };
        let report = read(started(&component));
        assert_eq!(report, StartupReport::Started(component));
        let report = read(misconfigured("cursor_key"));
        assert_eq!(report, StartupReport::Misconfigured("cursor_key".into()));
    }

    #[test]
    fn unrelated_responses_are_not_startup_reports() {
        for (status, body) in [
            (StatusCode::NOT_FOUND, r#"{"setting":"a"}"#),
            (StatusCode::INTERNAL_SERVER_ERROR, ""),
            (StatusCode::SERVICE_UNAVAILABLE, ""),
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"setting":"a value!"}"#),
            (StatusCode::OK, "{}"),
        ] {
            assert_eq!(
                StartupReport::read(status, body.as_bytes()),
                StartupReport::None,
                "{body}"
            );
        }
    }
}
