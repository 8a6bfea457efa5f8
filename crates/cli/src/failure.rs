//! Failures of commands: their messages and exit codes.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use roster_client::types::Problem;
use roster_client::{ConnectError, Error, ErrorExt};

/// Failure of a command.
#[derive(Debug)]
pub enum Failure {
    /// No valid token for this URL.
    SignedOut(&'static str),
    /// The call failed.
    Call(Box<Error<Problem>>),
    /// The URL or the token is invalid, or the client could not be set up.
    Connect(ConnectError),
    /// A local failure, such as a file that cannot be read.
    Local(String),
}

impl Failure {
    /// Returns a local failure with its subject.
    pub fn local(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Local(format!("{what}: {error}"))
    }

    /// Prints the error message to standard error.
    pub fn print(&self) {
        eprintln!("error: {}", self.message());
    }

    /// Returns true if the server rejected the member of the request at `pointer`.
    pub fn is_about(&self, pointer: &str) -> bool {
        let Self::Call(error) = self else {
            return false;
        };
        match &**error {
            Error::ErrorResponse(problem) => problem.errors.iter().any(|e| e.pointer == pointer),
            _ => false,
        }
    }

    /// Returns true if the server may accept the same call later.
    pub fn is_temporary(&self) -> bool {
        self.code() == 5
    }

    /// Returns the time to wait before the next attempt, if the server stated it.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Call(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Returns the exit code that `--help` lists.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Connect(ConnectError::Base) => 2,
            Self::SignedOut(_) => 3,
            Self::Call(error) => match error.status().map(|status| status.as_u16()) {
                Some(401) => 3,
                Some(404) => 4,
                Some(429 | 502 | 503 | 504) => 5,
                None if matches!(**error, Error::CommunicationError(_)) => 5,
                _ => 1,
            },
            Self::Connect(_) | Self::Local(_) => 1,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::SignedOut(why) => format!("{why}; sign in with `roster login`"),
            Self::Call(error) => call(error),
            Self::Connect(error) => error.to_string(),
            Self::Local(message) => message.clone(),
        }
    }
}

impl From<Error<Problem>> for Failure {
    fn from(error: Error<Problem>) -> Self {
        Self::Call(Box::new(error))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Local(error.to_string())
    }
}

fn call(error: &Error<Problem>) -> String {
    match error {
        Error::ErrorResponse(problem) => {
            let errors = problem.errors.iter();
            let errors = errors.map(|error| format!("\n  {}: {}", error.pointer, error.detail));
            let wait = error.retry_after().map_or_else(String::new, |wait| {
                format!("\n  try again in {} s", wait.as_secs())
            });
            format!(
                "{} ({}, request {}){}{wait}",
                problem.detail,
                problem.code,
                problem.request_id,
                errors.collect::<String>(),
            )
        }
        Error::CommunicationError(error) => {
            let mut message = "the server cannot be reached".to_owned();
            let mut cause: Option<&dyn std::error::Error> = Some(error);
            while let Some(error) = cause {
                message = format!("{message}: {error}");
                cause = error.source();
            }
            message
        }
        Error::UnexpectedResponse(answer) => {
            format!("unexpected response: {}", answer.status())
        }
        Error::InvalidResponsePayload(_, error) => {
            format!("invalid response body: {error}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use roster_client::types::{FieldError, Problem};
    use roster_client::{ConnectError, Error};

    use super::Failure;

    fn refused(status: u16) -> Failure {
        let problem = serde_json::json!({
            "type": "about:blank", "title": "", "status": status, "detail": "No.", "instance": "/",
            "code": "some_code", "request_id": "r1",
        });
        let mut problem: Problem = serde_json::from_value(problem).unwrap();
        problem.errors.push(FieldError {
            detail: "is taken".into(),
            pointer: "#/email".into(),
        });
        let answer = roster_client::ResponseValue::new(
            problem,
            status.try_into().unwrap(),
            Default::default(),
        );
        Error::ErrorResponse(answer).into()
    }

    #[test]
    fn exit_codes_match_the_help() {
        for (status, code) in [(409, 1), (500, 1), (401, 3), (404, 4), (429, 5), (503, 5)] {
            assert_eq!(refused(status).code(), code, "{status}");
        }
        assert_eq!(Failure::SignedOut("").code(), 3);
        assert_eq!(Failure::Connect(ConnectError::Base).code(), 2);
        assert_eq!(Failure::local("a", "b").code(), 1);
    }

    #[test]
    fn a_message_has_the_request_id_and_the_invalid_fields() {
        assert_eq!(
            refused(422).message(),
            "No. (some_code, request r1)\n  #/email: is taken"
        );
    }
}
