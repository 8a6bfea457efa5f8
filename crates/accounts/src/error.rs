//! Error of this crate, in terms that a caller can act on.

use spin_pg_bindings::postgres;

/// Failure of a use case. The texts of the last two variants are for the log, not for clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{} invalid values", .0.len())]
    Invalid(Vec<FieldError>),
    #[error("the resource does not exist")]
    NotFound,
    /// Only an admin may do this.
    #[error("only an admin may do this")]
    Forbidden,
    #[error("another user has this email")]
    EmailTaken,
    #[error("another service account has this name")]
    NameTaken,
    /// The service account has two keys that have not expired.
    #[error("the service account has two keys")]
    TooManyKeys,
    /// The change would leave no active admin.
    #[error("the change would leave no active admin")]
    LastAdmin,
    /// Wrong password, unknown email or deactivated account. Callers must not reveal which.
    #[error("wrong email or password")]
    WrongPassword,
    /// The signed-in user was deactivated or deleted after their request had been authenticated.
    #[error("the user of the request is no longer active")]
    SignedOut,
    /// Too many login attempts; contains the number of seconds until the next one is checked.
    #[error("too many attempts; retry after {0} s")]
    TooManyAttempts(u64),
    /// Unknown, expired, already used, or of a session that has ended.
    #[error("the refresh token is invalid, expired or already used")]
    BadRefreshToken,
    /// Every slot for hashing is taken.
    #[error("no free hash slot")]
    Busy,
    /// Another request with the same idempotency key is in progress.
    #[error("a request with this idempotency key is in progress")]
    KeyInFlight,
    /// The user created by the original request has been deleted.
    #[error("the user has been deleted")]
    Gone,
    /// The idempotency key was used with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The version that the caller expected is no longer current.
    #[error("the expected version is not current")]
    Stale,
    /// The current version is one that the caller excluded.
    #[error("the current version is excluded")]
    Excluded,
    /// The change feed cannot be continued: events after the position are deleted, or the database never reached it.
    #[error("the change feed cannot be continued at this position")]
    FeedRestart,
    /// A dependency did not respond; a retry may succeed.
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error("internal: {0}")]
    Internal(String),
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        if error.constraint() == Some("users_email_key") {
            Self::EmailTaken
        } else if error.constraint() == Some("service_accounts_name_key") {
            Self::NameTaken
        } else if error.constraint() == Some("users_attributes_check") {
            Self::attributes_too_large()
        } else if error.constraint() == Some("users_last_admin_check") {
            Self::LastAdmin
        } else if error.is_unavailable() {
            Self::Unavailable(error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl Error {
    /// Creates the error of a single value.
    pub fn invalid(field: &'static str, detail: &'static str) -> Self {
        Self::Invalid(vec![FieldError::new(field, detail)])
    }

    /// Creates the error for attributes over their size, which the database finds for the result of a patch.
    pub(crate) fn attributes_too_large() -> Self {
        Self::invalid("attributes", "must have at most 8 KiB as JSON")
    }

    /// Returns both values, or all invalid values of both. Another error hides invalid values.
    pub fn both<A, B>(one: Result<A, Self>, other: Result<B, Self>) -> Result<(A, B), Self> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (Err(Self::Invalid(mut errors)), Err(Self::Invalid(others))) => {
                errors.extend(others);
                Err(Self::Invalid(errors))
            }
            (Err(Self::Invalid(_)), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// An invalid value of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The value's name.
    pub field: &'static str,
    /// The member of an object that is invalid; `None` for the whole value.
    pub member: Option<String>,
    /// The reason, for people.
    pub detail: &'static str,
}

impl FieldError {
    pub const fn new(field: &'static str, detail: &'static str) -> Self {
        Self {
            field,
            member: None,
            detail,
        }
    }
}

/// Collects the errors of several values, so that a client receives all of them at once.
#[derive(Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Returns the value, or `None` after recording the error under `field`.
    pub fn check<T>(&mut self, field: &'static str, result: Result<T, &'static str>) -> Option<T> {
        result
            .map_err(|detail| self.0.push(FieldError::new(field, detail)))
            .ok()
    }

    /// Parses an optional value, and does the same with the result.
    pub fn parse<V, T>(
        &mut self,
        field: &'static str,
        value: Option<V>,
        parse: impl FnOnce(V) -> Result<T, &'static str>,
    ) -> Option<T> {
        value.and_then(|value| self.check(field, parse(value)))
    }

    /// Returns `value` if it is present and no error was recorded.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Error::Invalid(self.0)),
        }
    }
}
