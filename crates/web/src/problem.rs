//! Problem documents (RFC 9457): the one place that knows which status an error has.
//!
//! A handler returns a [`Problem`]; [`crate::App`] writes it out with the request's path and id,
//! and logs the internal text, which the client never sees.

mod from_error;
mod oauth;

use std::borrow::Cow;

use accounts::FieldError;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use from_error::INVALID_TOKEN;
use oauth::OauthError;

/// Seconds that a client is asked to wait when a dependency does not answer.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

const UNAVAILABLE: &str = "unavailable";
const MAY_HAVE_CHANGED: &str = "The service did not answer in time. The change may have been made, or may be made in \
     a moment: read the resource to find out, or repeat the request with the same Idempotency-Key.";

/// An error as the client sees it, with the internal text apart.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    oauth_error: Option<OauthError>,
    internal: Option<String>,
}

/// What went wrong (RFC 9457, `application/problem+json`).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Document<'a> {
    /// Always `about:blank`: `status` and `code` say which problem it is.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// For people; may be worded differently tomorrow.
    detail: &'a str,
    /// The path that was asked for.
    instance: &'a str,
    /// The stable name of the problem, for programs.
    code: &'a str,
    /// Finds the request in the log; also in the header X-Request-ID.
    request_id: &'a str,
    /// Which values are wrong, when some are.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// The error code of OAuth2 (RFC 6749, section 5.2), at its token endpoint only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "invalid_grant")]
    error: Option<&'a str>,
}

impl Problem {
    /// `code` is the stable, machine-readable name; `detail` is for people.
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

    /// 422 with what is wrong and where.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "The request is well-formed but some of its values are not acceptable.",
        );
        problem.errors = errors;
        problem
    }

    /// 503: a dependency did not answer. `internal` goes to the log only.
    pub fn unavailable(internal: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            "The service cannot answer right now; try again.",
        )
        .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
        .with_internal(internal)
    }

    /// 503 of readiness: `settings` are missing or not valid. `internal` goes to the log only.
    pub fn misconfigured(settings: &str, internal: impl Into<String>) -> Self {
        let mut problem = Self::unavailable(internal);
        problem.detail =
            format!("Not ready: a setting is missing or not valid ({settings}).").into();
        problem
    }

    /// 500. `internal` goes to the log only.
    pub fn internal(internal: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. The request id finds it in the log.",
        )
        .with_internal(internal)
    }

    /// 404 for a thing that is not there.
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing here by that name.",
        )
    }

    /// 401 with its challenge: one document for every reason, which goes to the log only.
    pub fn unauthenticated(challenge: &'static str, internal: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Send a valid access token: Authorization: Bearer <token>.",
        )
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
        .with_internal(internal)
    }

    /// 409: one's own account is not changed as somebody else's.
    pub fn use_users_me() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "use_users_me",
            "This is your own account: use /api/v1/users/me, which requires your password.",
        )
    }

    /// 403 for what the caller's role does not allow.
    pub fn forbidden() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "This takes the role of an admin.",
        )
    }

    /// 428: the configuration asks for `If-Match`.
    pub fn precondition_required() -> Self {
        Self::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            "Send If-Match with the ETag that the change is based on.",
        )
    }

    /// The same for a request with `method`: a change that was not acknowledged may have been made.
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
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Keeps the first line, bounded: hosts add stack traces to their texts.
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

    /// The headers that go with it.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// The text for the log, which the client does not see.
    pub fn internal_text(&self) -> Option<&str> {
        self.internal.as_deref()
    }

    /// The document for a response that a library made without one, such as the router's 404.
    pub fn for_status(status: StatusCode, headers: &HeaderMap) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "There is nothing at this path."),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "This path does not answer to that method; see Allow.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => return too_large(),
            _ if status.is_server_error() => return Self::internal("a bare error response"),
            _ => ("malformed_request", "The request could not be understood."),
        };
        let mut problem = Self::new(status, code, detail);
        if let Some(allow) = headers.get(ALLOW) {
            problem = problem.with_header(ALLOW, allow.clone());
        }
        problem
    }

    /// The JSON document, for the request at `instance` with `request_id`.
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

/// 413: bodies are bounded.
pub(crate) fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        "A request body may have at most 64 KiB.",
    )
}

impl IntoResponse for Problem {
    /// Status and headers; the body is written by [`crate::App`], which knows the request.
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
    fn internal_text_stays_inside() {
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
    fn a_503_claims_that_nothing_changed_for_no_method() {
        let detail = |method: Method| {
            let problem = Problem::unavailable("a deadline").for_method(&method);
            problem.detail().to_owned()
        };
        assert!(detail(Method::POST).contains("may have been made"));
        assert!(detail(Method::DELETE).contains("may have been made"));
        assert!(detail(Method::GET).ends_with("try again."));
    }

    #[test]
    fn a_bare_405_keeps_allow() {
        let headers = HeaderMap::from_iter([(ALLOW, HeaderValue::from_static("GET,HEAD"))]);
        let problem = Problem::for_status(StatusCode::METHOD_NOT_ALLOWED, &headers);
        assert_eq!(problem.into_response().headers()[ALLOW], "GET,HEAD");
    }
}
