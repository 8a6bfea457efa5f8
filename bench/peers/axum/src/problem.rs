//! Problem documents (RFC 9457).

use std::fmt::Display;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use deadpool_postgres::PoolError;
use serde::Serialize;

/// An error in one value, and the value's place.
#[derive(Clone, Serialize)]
pub struct FieldError {
    pub detail: String,
    pub pointer: String,
}

/// An error as the client sees it. The shell adds the details of the request.
#[derive(Clone)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    detail: &'static str,
    errors: Vec<FieldError>,
    /// Boxed, to keep results with this error small.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self {
            status,
            code,
            detail,
            errors: Vec::new(),
            header: None,
        }
    }

    fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.header = Some(Box::new((name, value.into())));
        self
    }

    /// 422 for one value; `field` is a member's name, or empty for the whole body.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "The request is well-formed, but some of its values are invalid.",
        );
        let pointer = match field {
            "" => "#".to_owned(),
            field => format!("#/{field}"),
        };
        let detail = detail.into();
        problem.errors.push(FieldError { detail, pointer });
        problem
    }

    pub fn malformed_json(reason: String) -> Self {
        let detail = "The request body is not JSON.";
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "malformed_json", detail);
        problem.errors.push(FieldError {
            detail: reason,
            pointer: "#".to_owned(),
        });
        problem
    }

    pub fn not_found() -> Self {
        let detail = "The resource does not exist.";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub fn forbidden() -> Self {
        let detail = "This operation requires the admin role.";
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    pub fn stale() -> Self {
        let detail = "The resource has changed; read it again and retry with its new ETag.";
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            detail,
        )
    }

    /// 401 for a request without a valid token.
    pub fn unauthenticated(has_token: bool) -> Self {
        let challenge = match has_token {
            true => "Bearer error=\"invalid_token\"",
            false => "Bearer",
        };
        let detail = "Send a valid access token: Authorization: Bearer <token>.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 401 of a login: the same for every cause.
    pub fn invalid_credentials() -> Self {
        let detail = "The email or the password is wrong, or the account cannot sign in.";
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", detail)
            .with_header(WWW_AUTHENTICATE, challenge)
    }

    /// 429 of the general rate limit.
    pub fn rate_limited(seconds: u64) -> Self {
        let detail = "Too many requests; wait for the time in the Retry-After header.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
            .with_header(RETRY_AFTER, seconds)
    }

    /// 429 of the login limit.
    pub fn too_many_attempts(seconds: u64) -> Self {
        let detail = "Too many attempts; wait for the time in the Retry-After header.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail)
            .with_header(RETRY_AFTER, seconds)
    }

    /// 503: every hashing slot is taken.
    pub fn busy() -> Self {
        let detail = "Too many passwords are being verified at the moment; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).with_header(RETRY_AFTER, 1)
    }

    fn email_taken() -> Self {
        let detail = "Another user has this email.";
        let mut problem = Self::new(StatusCode::CONFLICT, "email_taken", detail);
        problem.errors.push(FieldError {
            detail: "is taken".to_owned(),
            pointer: "#/email".to_owned(),
        });
        problem
    }

    /// 503: Postgres did not respond. The reason is only logged.
    fn unavailable(reason: impl Display) -> Self {
        eprintln!("unavailable: {reason}");
        let detail = "The service is temporarily unavailable; try again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with_header(RETRY_AFTER, 1)
    }

    /// 500. The reason is only logged.
    pub fn internal(reason: impl Display) -> Self {
        eprintln!("internal: {reason}");
        let detail = "An internal error occurred. The log has the cause under the request id.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Renders the JSON document for the request at `instance`.
    pub fn render(&self, instance: &str, request_id: &str) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail,
            instance,
            code: self.code,
            request_id,
            errors: &self.errors,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response
            .headers_mut()
            .extend(self.header.as_deref().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<tokio_postgres::Error> for Problem {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return Self::unavailable(error);
        };
        if refusal.constraint() == Some("users_email_key") {
            return Self::email_taken();
        }
        // Connection, resources, intervention (with statement_timeout): the transient classes.
        match refusal.code().code().get(..2) {
            Some("08" | "53" | "57" | "40" | "55") => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::unavailable(other),
        }
    }
}
