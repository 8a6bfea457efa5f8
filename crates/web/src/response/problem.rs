//! Problem documents (RFC 9457), and the statuses of errors.
//!
//! A handler returns a [`Problem`]; [`crate::App`] renders it with the request's path and id, and logs the
//! internal text, which is never sent to the client.

mod from_error;
mod invalid_value;
mod oauth;

use std::borrow::Cow;

use accounts::Scope;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use from_error::INVALID_TOKEN;
pub use invalid_value::InvalidValue;
use oauth::OauthError;

/// `Retry-After` in seconds when a dependency does not respond.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

const UNAVAILABLE: &str = "unavailable";
const MAY_HAVE_CHANGED: &str = "The service did not respond in time. The change may have been made, or may still be \
     made: read the resource to check, or repeat the request with the same Idempotency-Key.";

/// An error for the client, with a separate internal text.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<InvalidValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
    oauth_error: Option<OauthError>,
    internal: Option<String>,
}

/// An error response (RFC 9457, `application/problem+json`).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// Always `about:blank`; `status` and `code` identify the problem.
    r#type: &'static str,
    /// Reason phrase of the status.
    title: &'a str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Human-readable explanation; the wording may change.
    detail: &'a str,
    /// Path of the request.
    instance: &'a str,
    /// Stable, machine-readable name of the problem.
    code: &'a str,
    /// Id of the request in the server's log; also in the `X-Request-ID` header.
    request_id: &'a str,
    /// Invalid values of the request; absent when there are none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [InvalidValue],
    /// OAuth2 error code (RFC 6749, section 5.2); only at the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invalid_grant")]
    error: Option<&'a str>,
}

impl Problem {
    /// `code` is the stable, machine-readable name; `detail` is human-readable.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            oauth_error: None,
            internal: None,
        }
    }

    /// Returns 422 with the invalid values.
    pub fn invalid(errors: impl IntoIterator<Item: Into<InvalidValue>>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "The request is well-formed, but some of its values are invalid.",
        )
        .with_errors(errors)
    }

    /// Returns 503: a dependency did not respond. `internal` goes to the log only.
    pub fn unavailable(internal: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            "The service is temporarily unavailable; try again.",
        )
        .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
        .with_internal(internal)
    }

    /// Returns the 503 of readiness: `settings` are missing or invalid. `internal` goes to the log only.
    pub fn misconfigured(settings: &str, internal: impl Into<String>) -> Self {
        let mut problem = Self::unavailable(internal);
        problem.detail = format!("Not ready: a setting is missing or invalid ({settings}).").into();
        problem
    }

    /// Returns 500. `internal` goes to the log only.
    pub fn internal(internal: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "An internal error occurred. The log has the cause under the request id.",
        )
        .with_internal(internal)
    }

    /// Returns 404 for a resource that does not exist.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "The resource does not exist.",
        )
    }

    /// Returns 401 with a challenge. The document is the same for every reason; the reason goes to the log
    /// only.
    pub fn unauthenticated(challenge: &'static str, internal: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Send a valid access token: Authorization: Bearer <token>.",
        )
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .with_internal(internal)
    }

    /// Returns 409 for a change of the caller's own account that belongs to `/api/v1/users/me`.
    pub fn use_users_me() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "use_users_me",
            "This is your own account: use /api/v1/users/me, which requires your password.",
        )
    }

    /// Returns 403 for an operation that the caller's role does not allow.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "This operation requires the admin role.",
        )
    }

    /// Returns 403 for a service account without the operation's scope (RFC 6750, section 3.1).
    pub fn insufficient_scope(scope: Scope) -> Self {
        let challenge = format!(
            "Bearer error=\"insufficient_scope\", scope=\"{}\"",
            scope.as_str()
        );
        let problem = Self::new(
            StatusCode::FORBIDDEN,
            "insufficient_scope",
            "The service account does not have the scope of this operation.",
        );
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }

    /// Returns 403 for a service account that calls an operation for users.
    pub fn users_only() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "users_only",
            "This operation is for users: a service account cannot use it.",
        )
    }

    /// Returns 428: the configuration requires `If-Match`.
    pub fn precondition_required() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            "Send If-Match with the ETag that the change is based on.",
        )
    }

    /// Adapts a 503 to `method`: a change that was not acknowledged may have been made.
    #[must_use]
    pub(crate) fn for_method(mut self, method: &Method) -> Self {
        if self.code == UNAVAILABLE && !method.is_safe() {
            self.detail = MAY_HAVE_CHANGED.into();
        }
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item: Into<InvalidValue>>) -> Self {
        self.errors = errors.into_iter().map(Into::into).collect();
        self
    }

    /// Keeps the first line, up to 500 characters: hosts add stack traces to their texts.
    fn with_internal(mut self, internal: impl Into<String>) -> Self {
        let first_line = internal
            .into()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        self.internal = Some(first_line.chars().take(500).collect());
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Invalid values of the request.
    pub fn into_errors(self) -> Vec<InvalidValue> {
        self.errors
    }

    /// Headers of the response.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// The text for the log, which is not sent to the client.
    pub fn internal_text(&self) -> Option<&str> {
        self.internal.as_deref()
    }

    /// Creates the problem of a response that a library made without one, such as the router's 404.
    pub fn for_status(status: StatusCode, headers: &HeaderMap) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "The path does not exist."),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "The path does not support this method; see the Allow header.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => return too_large(),
            _ if status.is_server_error() => {
                return Self::internal("error response without a problem document");
            }
            _ => ("malformed_request", "The request is malformed."),
        };
        let mut problem = Self::new(status, code, detail);
        if let Some(allow) = headers.get(ALLOW) {
            problem = problem.with_header(ALLOW, allow.clone());
        }
        problem
    }

    /// Renders the JSON document for the request at `instance` with `request_id`.
    pub fn render(&self, instance: &str, request_id: &str) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance,
            code: self.code,
            request_id,
            errors: &self.errors,
            error: self.oauth_error.map(OauthError::as_str),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

/// Returns 413 for a body that is too large.
pub(crate) fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "A request body may have at most 64 KiB.",
    )
}

impl IntoResponse for Problem {
    /// Sets status and headers; [`crate::App`] writes the body, because it depends on the request.
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use accounts::Error;

    #[test]
    fn internal_text_is_not_rendered() {
        let problem = Problem::from(Error::Unavailable("connection to 10.0.0.7 refused".into()));
        let body = String::from_utf8(problem.render("/api/v1/users", "r1")).unwrap();
        assert!(!body.contains("10.0.0.7"));
        assert_eq!(
            problem.internal_text(),
            Some("connection to 10.0.0.7 refused")
        );
        assert_eq!(problem.into_response().headers()[RETRY_AFTER], "1");
    }

    #[test]
    fn a_503_never_states_that_nothing_changed() {
        let detail = |method: Method| {
            let problem = Problem::unavailable("a deadline").for_method(&method);
            problem.detail().to_owned()
        };
        assert!(detail(Method::POST).contains("may have been made"));
        assert!(detail(Method::DELETE).contains("may have been made"));
        assert!(detail(Method::GET).ends_with("try again."));
    }

    #[test]
    fn a_412_names_the_condition_that_failed() {
        for (error, condition) in [
            (Error::Stale, "If-Match does not name"),
            (Error::Excluded, "If-None-Match excludes"),
        ] {
            let problem = Problem::from(error);
            assert_eq!(
                (problem.status(), problem.code()),
                (StatusCode::PRECONDITION_FAILED, "precondition_failed")
            );
            assert!(problem.detail().starts_with(condition), "{problem:?}");
        }
    }

    #[test]
    fn a_bare_405_keeps_allow() {
        let headers = HeaderMap::from_iter([(ALLOW, HeaderValue::from_static("GET,HEAD"))]);
        let problem = Problem::for_status(StatusCode::METHOD_NOT_ALLOWED, &headers);
        assert_eq!(problem.into_response().headers()[ALLOW], "GET,HEAD");
    }
}
