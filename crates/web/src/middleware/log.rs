//! The log: one JSON object per line on standard output, one line per request.
//!
//! Lines contain no personal data and no secrets: they name the route's template, never the path or the
//! query.

use std::io::Write;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Serialize;
use strum::EnumString;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::middleware::request_id::RequestContext;

/// Name of the service if `service_name` is unset.
pub const DEFAULT_SERVICE: &str = "roster";

/// Severity of a line. A line is written if its level is at least the configured one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Line of one request.
#[derive(Serialize)]
pub struct RequestLine<'a> {
    pub request_id: &'a str,
    pub trace_id: Option<&'a str>,
    pub method: &'a str,
    /// The route's template, such as `/api/v1/users/{id}`; `None` when no route matched.
    pub route: Option<&'a str>,
    pub status: u16,
    /// The signed-in caller; `None` when the caller is anonymous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<accounts::UserId>,
    /// The service account whose API key was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_id: Option<accounts::ServiceAccountId>,
    /// `open` when the request could not be counted because Redis did not reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<&'static str>,
    /// Milliseconds from the arrival of the request here to the head of its response.
    pub ms: f64,
    /// The internal text of an error, which is not sent to the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

impl<'a> RequestLine<'a> {
    pub fn new(context: &'a RequestContext, method: &'a Method, status: StatusCode) -> Self {
        Self {
            request_id: &context.request_id,
            trace_id: context.trace_id.as_deref(),
            method: method.as_str(),
            route: None,
            status: status.as_u16(),
            user_id: None,
            service_account_id: None,
            rate_limit: None,
            ms: 0.0,
            error: None,
        }
    }

    fn level(&self) -> Level {
        // 503 without an internal text is the app's own decision: it is busy.
        if self.status >= 500 && (self.status != 503 || self.error.is_some()) {
            Level::Error
        } else if self.status >= 500 || self.rate_limit.is_some() {
            Level::Warn
        } else {
            Level::Info
        }
    }
}

#[derive(Serialize)]
struct Line<'a, T> {
    time: String,
    level: Level,
    service: &'a str,
    environment: &'a str,
    #[serde(flatten)]
    fields: &'a T,
}

#[derive(Serialize)]
struct Message<'a> {
    message: &'a str,
}

/// The log of a component: the minimum level, and the service and environment that every line names.
#[derive(Debug, Clone)]
pub struct Log {
    least: Level,
    service: Arc<str>,
    environment: Arc<str>,
}

impl Log {
    pub fn new(least: Level, service: &str, environment: &str) -> Self {
        Self {
            least,
            service: service.into(),
            environment: environment.into(),
        }
    }

    /// The log for an invalid configuration: all levels, with the environment `unknown`.
    pub fn unconfigured() -> Self {
        Self::new(Level::Debug, DEFAULT_SERVICE, "unknown")
    }

    /// The name of the service.
    pub fn service(&self) -> &Arc<str> {
        &self.service
    }

    /// The name of the environment.
    pub fn environment(&self) -> &Arc<str> {
        &self.environment
    }

    /// Writes the line of a request.
    pub fn request(&self, line: &RequestLine<'_>) {
        self.write(line.level(), line);
    }

    /// Writes a line that belongs to no single request.
    pub fn message(&self, level: Level, message: &str) {
        self.write(level, &Message { message });
    }

    /// Writes a line with its own fields.
    pub fn write<T: Serialize>(&self, level: Level, fields: &T) {
        if level < self.least {
            return;
        }
        let time = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default();
        if let Ok(mut text) = serde_json::to_vec(&Line {
            time,
            level,
            service: &self.service,
            environment: &self.environment,
            fields,
        }) {
            text.push(b'\n');
            // One write, so that the host records one line; a full pipe must not fail the request.
            let _ = std::io::stdout().write_all(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_documented_fields() {
        let context = RequestContext {
            request_id: "r1".into(),
            trace_id: None,
        };
        let mut line = RequestLine::new(&context, &Method::GET, StatusCode::BAD_GATEWAY);
        line.route = Some("/x/{id}");
        let json = serde_json::to_value(Line {
            time: "t".into(),
            level: line.level(),
            service: "roster",
            environment: "test",
            fields: &line,
        });
        assert_eq!(
            json.unwrap(),
            serde_json::json!({"time": "t", "level": "error", "service": "roster", "environment": "test",
                "request_id": "r1", "trace_id": null,
                "method": "GET", "route": "/x/{id}", "status": 502, "ms": 0.0})
        );
    }
}
