//! Status and text of each domain error.

use accounts::{Error, FieldError};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

use super::{Problem, RETRY_AFTER_SECONDS};

/// Challenge for invalid credentials of any kind (RFC 6750, section 3.1).
pub(crate) const INVALID_TOKEN: &str = "Bearer error=\"invalid_token\"";

/// Returns the 401 of the endpoints that issue tokens.
fn refused_sign_in(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, detail)
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static(INVALID_TOKEN))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(errors) => Self::invalid(errors),
            Error::NotFound => Self::not_found(),
            Error::Forbidden => Self::forbidden(),
            Error::EmailTaken => Self::new(
                StatusCode::CONFLICT,
                "email_taken",
                "Another user has this email.",
            )
            .with_errors([FieldError::new("email", "is taken")]),
            Error::NameTaken => Self::new(
                StatusCode::CONFLICT,
                "name_taken",
                "Another service account has this name.",
            )
            .with_errors([FieldError::new("name", "is taken")]),
            Error::TooManyKeys => Self::new(
                StatusCode::CONFLICT,
                "too_many_keys",
                "The service account has two keys; delete one first.",
            ),
            Error::LastAdmin => Self::new(
                StatusCode::CONFLICT,
                "last_admin",
                "This is the last active admin; give another user the admin role first.",
            ),
            Error::WrongPassword => refused_sign_in(
                "invalid_credentials",
                "The email or the password is wrong, or the account cannot sign in.",
            ),
            Error::SignedOut => Self::unauthenticated(
                INVALID_TOKEN,
                "the user was deactivated or deleted during the request",
            ),
            Error::BadRefreshToken => refused_sign_in(
                "invalid_refresh_token",
                "The refresh token is invalid, expired or already used; sign in again.",
            ),
            Error::TooManyAttempts(seconds) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts; wait for the time in the Retry-After header.",
            )
            .with_header(RETRY_AFTER, HeaderValue::from(seconds)),
            Error::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too many passwords are being verified at the moment; try again.",
            )
            .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS),
            Error::KeyInFlight => Self::new(
                StatusCode::CONFLICT,
                "idempotency_key_in_flight",
                "A request with this Idempotency-Key is still in progress.",
            )
            .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS),
            Error::Gone => Self::new(
                StatusCode::GONE,
                "gone",
                "The user that this request created has been deleted.",
            ),
            Error::FeedRestart => Self::new(
                StatusCode::GONE,
                "feed_restart",
                "Events after this position are not available: they were deleted, or the database was restored to an earlier state. Request the present position without `after`, copy all data, and continue there.",
            ),
            Error::KeyReused => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "This Idempotency-Key has already been used with another request.",
            ),
            Error::Stale => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "If-Match does not name the current version; read the resource again and retry with its new ETag.",
            ),
            Error::Excluded => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "If-None-Match excludes the current version of the resource; to change it, send its ETag as If-Match.",
            ),
            Error::Unavailable(source) => Self::unavailable(source),
            Error::Internal(source) => Self::internal(source),
        }
    }
}
