//! Responses, and assertions about all responses and about problem documents.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use web::auth::endpoints::Endpoint;

use crate::document;

/// Words that no response may contain: names of internal software and of places on the server.
const INTERNALS: [&str; 14] = [
    "postgres",
    "sqlstate",
    "sqlx",
    "redis",
    "pg_",
    "users_email_key",
    "relation",
    "wasm",
    "panicked",
    "src/",
    ".rs:",
    "/home",
    "127.0.0.1",
    "select ",
];

/// Returns true if a component serves the path; the host responds to all others.
fn is_of_a_component(path: &str) -> bool {
    Endpoint::ALL.iter().any(|endpoint| {
        let of_endpoint = endpoint.path();
        // `/api/v1/users` for everything below it.
        let route = match of_endpoint.strip_prefix("/api/v1/") {
            Some(rest) => {
                let group = rest.split('/').next().unwrap_or_default();
                &of_endpoint[.."/api/v1/".len() + group.len()]
            }
            None => of_endpoint,
        };
        let rest = path.strip_prefix(route);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Response, read in full.
#[derive(Debug, Clone)]
pub struct Reply {
    pub method: Method,
    /// Requested path, without the query.
    pub path: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns the header's value if it exists and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Checks for a header with this value.
    #[track_caller]
    pub fn assert_header(&self, name: &str, value: &str) {
        assert_eq!(self.header(name), Some(value), "{self}");
    }

    /// Returns the ETag of a response that must have one.
    pub fn etag(&self) -> &str {
        self.header("etag")
            .unwrap_or_else(|| panic!("no ETag in {self}"))
    }

    /// Returns everything by which a client can distinguish two responses, except the time.
    pub fn visible(&self) -> (u16, Vec<(String, String)>, String) {
        let headers = self.headers.iter().filter(|(name, _)| *name != "date");
        let mut headers: Vec<_> = headers
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.to_string(), value.into_owned())
            })
            .collect();
        headers.sort();
        let body = String::from_utf8_lossy(&self.body).into_owned();
        (self.status, headers, body)
    }

    /// Returns Retry-After, which must be whole seconds from `low` to `high`.
    #[track_caller]
    pub fn retry_after(&self, low: u64, high: u64) -> u64 {
        let seconds = self
            .header("retry-after")
            .and_then(|text| text.parse().ok());
        let seconds = seconds.unwrap_or_else(|| panic!("no Retry-After: {self}"));
        assert!((low..=high).contains(&seconds), "{self}");
        seconds
    }

    /// Returns the body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the body of {self}"))
    }

    /// Panics with the whole response unless the status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Panics unless the status is one of `statuses`.
    #[track_caller]
    pub fn expect_any(self, statuses: &[u16]) -> Self {
        assert!(
            statuses.contains(&self.status),
            "not one of {statuses:?}: {self}"
        );
        self
    }

    /// Checks a problem document with this status and code, and returns it.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self}");
        let problem = self.any_problem();
        assert_eq!(problem["code"], code, "{self}");
        problem
    }

    /// Checks for 422 with an error at `field`.
    #[track_caller]
    pub fn invalid(&self, field: &str) -> Value {
        let problem = self.problem(422, "invalid");
        let errors = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("no errors: {self}"));
        let points = |error: &Value| {
            let pointer = error["pointer"].as_str().unwrap_or_default();
            pointer == field || pointer.ends_with(&format!("/{field}"))
        };
        assert!(
            errors.iter().any(points),
            "no error points at {field}: {self}"
        );
        for error in errors {
            let detail = error["detail"].as_str().unwrap_or_default();
            assert!(!detail.is_empty(), "{self}");
        }
        problem
    }

    /// Checks the rules for every problem document (RFC 9457 and the contract), whatever its subject.
    #[track_caller]
    pub fn any_problem(&self) -> Value {
        self.assert_header("content-type", "application/problem+json");
        let problem = self.json();
        for field in ["type", "title", "detail", "instance", "code", "request_id"] {
            let text = problem[field].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "no {field}: {self}");
        }
        assert_eq!(problem["status"], self.status, "{self}");
        assert_eq!(problem["instance"], self.path, "{self}");
        let request_id = problem["request_id"].as_str();
        assert_eq!(request_id, self.header("x-request-id"), "{self}");
        let code = problem["code"].as_str().unwrap_or_default();
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(code.bytes().all(is_part), "{self}");
        self.check_no_internals(&problem);
        problem
    }

    /// Checks all members except the instance, which is the client's own path.
    #[track_caller]
    fn check_no_internals(&self, problem: &Value) {
        let mut ours = problem.clone();
        ours["instance"] = Value::Null;
        let text = ours.to_string().to_ascii_lowercase();
        for word in INTERNALS {
            assert!(!text.contains(word), "exposes {word}: {self}");
        }
    }

    /// Checks the rules for every response of the API: length, request id, and security headers.
    #[track_caller]
    pub fn check_common(&self) {
        if !matches!(self.status, 204 | 304) {
            let length = self.header("content-length");
            assert!(length.is_some(), "no Content-Length: {self}");
        }
        let coding = self.header("transfer-encoding");
        assert!(coding.is_none(), "chunked: {self}");
        self.assert_header("x-content-type-options", "nosniff");
        if is_of_a_component(&self.path) {
            let request_id = self.header("x-request-id").unwrap_or_default();
            assert!(!request_id.is_empty(), "{self}");
            self.assert_header("x-frame-options", "DENY");
        }
        document::check(self);
        let software = self.header("server");
        assert!(software.is_none(), "exposes its software: {self}");
        if self.status >= 400 && self.path.starts_with("/api/v1/") && self.method != Method::HEAD {
            self.json();
        }
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(2000)
            .collect();
        write!(
            f,
            "{} {} -> {}\n{:#?}\n{body}",
            self.method, self.path, self.status, self.headers
        )
    }
}
