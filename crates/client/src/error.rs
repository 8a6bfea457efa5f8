//! Accessors for the contents of an error, without matching on its kinds.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::Error;
use crate::types::Problem;

/// Accessors for the error of a call.
pub trait ErrorExt {
    /// Returns the problem document, or `None` when the server sent none.
    fn problem(&self) -> Option<&Problem>;

    /// Returns the headers of the response, or `None` when there was no response.
    fn headers(&self) -> Option<&HeaderMap>;

    /// Returns the stable name of the problem, one of [`crate::codes`].
    fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// Returns the description of the problem, for people.
    fn detail(&self) -> Option<&str> {
        self.problem().map(|problem| problem.detail.as_str())
    }

    /// Returns the id of the request in the server's log.
    fn request_id(&self) -> Option<&str> {
        self.headers()?.get("x-request-id")?.to_str().ok()
    }

    /// Returns the time to wait before the next attempt, from `Retry-After`.
    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers()?.get(RETRY_AFTER)?.to_str().ok()?;
        seconds.parse().ok().map(Duration::from_secs)
    }

    /// Returns true if the resource still matches `if_none_match` (304), so a cached copy is current.
    fn is_not_modified(&self) -> bool;
}

impl ErrorExt for Error<Problem> {
    fn problem(&self) -> Option<&Problem> {
        match self {
            Self::ErrorResponse(answer) => Some(answer),
            _ => None,
        }
    }

    fn headers(&self) -> Option<&HeaderMap> {
        match self {
            Self::ErrorResponse(answer) => Some(answer.headers()),
            Self::UnexpectedResponse(answer) => Some(answer.headers()),
            _ => None,
        }
    }

    fn is_not_modified(&self) -> bool {
        self.status() == Some(StatusCode::NOT_MODIFIED)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Error, ErrorExt, HeaderMap, Problem, StatusCode};
    use crate::{ResponseValue, codes};

    #[test]
    fn an_error_exposes_the_fields_of_the_problem() {
        let problem = Problem {
            code: codes::BUSY.into(),
            detail: "Try again.".into(),
            error: None,
            errors: Vec::new(),
            instance: "/api/v1/auth/login".into(),
            request_id: "r1".into(),
            status: 503,
            title: "Service Unavailable".into(),
            type_: "about:blank".into(),
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "r1".parse().unwrap());
        headers.insert("retry-after", "2".parse().unwrap());
        let answer = ResponseValue::new(problem, StatusCode::SERVICE_UNAVAILABLE, headers);
        let error = Error::ErrorResponse(answer);
        assert_eq!(error.code(), Some(codes::BUSY));
        assert_eq!(error.detail(), Some("Try again."));
        assert_eq!(error.request_id(), Some("r1"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
        assert!(!error.is_not_modified());
    }

    #[test]
    fn a_response_without_a_problem_has_no_code() {
        let answer = http::Response::builder().status(304).body("").unwrap();
        let error = Error::<Problem>::UnexpectedResponse(answer.into());
        assert!(error.is_not_modified());
        assert_eq!((error.code(), error.retry_after()), (None, None));
        let error = Error::<Problem>::InvalidRequest("id was not initialized".into());
        assert!(!error.is_not_modified() && error.headers().is_none());
    }
}
