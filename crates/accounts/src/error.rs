//! The one error of this crate: what went wrong, in terms that a caller can act on.

use std::borrow::Cow;

use serde::Serialize;
use spin_pg_bindings::postgres;
use utoipa::ToSchema;

/// Why a use case did not happen. The texts of the last two are for the log, not for clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{} values are not acceptable", .0.len())]
    Invalid(Vec<FieldError>),
    #[error("no such user")]
    NotFound,
    #[error("the email is taken")]
    EmailTaken,
    /// The change would leave no active admin.
    #[error("the last active admin must remain")]
    LastAdmin,
    /// Wrong, or there is nobody with this email, or they may not sign in: it is never said which.
    #[error("wrong email or password")]
    WrongPassword,
    /// Too many guesses; so many seconds until the next one is looked at.
    #[error("too many attempts, wait {0} s")]
    TooManyAttempts(u64),
    /// Unknown, expired, spent, or of a session that is over.
    #[error("the refresh token cannot be used")]
    BadRefreshToken,
    /// Every slot for expensive work is taken.
    #[error("no slot for hashing")]
    Busy,
    /// The same idempotency key is being worked on right now.
    #[error("the idempotency key is in flight")]
    KeyInFlight,
    /// The user that a repeated request created has been deleted.
    #[error("the user has been deleted")]
    Gone,
    /// The idempotency key was used with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The version that the caller expected is no longer current.
    #[error("the expected version is stale")]
    Stale,
    /// A dependency did not answer; trying again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error("internal: {0}")]
    Internal(String),
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        if error.constraint() == Some("users_email_key") {
            Self::EmailTaken
        } else if error.constraint() == Some("users_last_admin_check") {
            Self::LastAdmin
        } else if error.is_unavailable() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

/// What is wrong with one value of the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// What is wrong, for people.
    pub detail: Cow<'static, str>,
    /// Where it stands: a JSON Pointer in URI fragment form (RFC 6901, section 6).
    pub pointer: String,
}

impl FieldError {
    /// `field` is a top-level member's name.
    pub fn new(field: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::at(format!("#/{field}"), detail)
    }

    pub fn at(pointer: String, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            detail: detail.into(),
            pointer,
        }
    }
}

/// Collects what is wrong with several values, so that a client sees all of it at once.
#[derive(Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// The value, or `None` with the reason noted under `field`.
    pub fn check<T>(&mut self, field: &str, result: Result<T, &'static str>) -> Option<T> {
        result
            .map_err(|detail| self.0.push(FieldError::new(field, detail)))
            .ok()
    }

    /// The same for a value that may be absent.
    pub fn check_option<T>(
        &mut self,
        field: &str,
        result: Option<Result<T, &'static str>>,
    ) -> Option<T> {
        result.and_then(|result| self.check(field, result))
    }

    /// `value` when nothing was noted and there is one.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.0)),
        }
    }
}
