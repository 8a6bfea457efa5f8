//! Redis: single commands over the host's connection.

mod command;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(any(test, target_arch = "wasm32"))]
mod outage;

use std::time::Duration;

use async_trait::async_trait;

pub use command::{Command, Script};
#[cfg(target_arch = "wasm32")]
pub use host::HostRedis;

/// An argument of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    Int(i64),
    Bytes(Vec<u8>),
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Bytes(value.as_bytes().to_vec())
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self::Bytes(value.into_bytes())
    }
}

/// One part of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Nil,
    /// A simple string such as `OK`.
    Status(String),
    Int(i64),
    Bytes(Vec<u8>),
}

/// Failure of a command. The texts are for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisError {
    /// There is no connection, or it was lost.
    #[error("no connection to Redis: {0}")]
    Connection(String),
    /// Redis did not reply within this time; the command may or may not have run.
    #[error("Redis did not respond within {0:?}")]
    Timeout(Duration),
    /// Redis does not have the script with that SHA-1, so nothing was run.
    #[error("{0}")]
    NoScript(String),
    /// Redis rejected the command.
    #[error("{0}")]
    Other(String),
}

impl RedisError {
    /// Classifies the text of a driver, which is all that the host passes on.
    #[cfg(any(test, target_arch = "wasm32"))]
    fn from_driver_text(text: String) -> Self {
        const LOST: [&str; 7] = [
            "broken pipe",
            "connection aborted",
            "connection refused",
            "connection reset",
            "driver unexpectedly terminated",
            "not connected",
            "unexpected end of file",
        ];
        let lower = text.to_ascii_lowercase();
        // One driver passes on the code of Redis, another its own name for it.
        if lower.contains("noscript") {
            Self::NoScript(text)
        } else if LOST.iter().any(|lost| lower.contains(lost)) {
            Self::Connection(text)
        } else {
            Self::Other(text)
        }
    }
}

/// A Redis server that runs single commands.
#[async_trait]
pub trait Redis: Send + Sync + 'static {
    /// Runs a command, at most once. Nested arrays of a reply are flattened.
    ///
    /// Keys and arguments appear in the host's traces: they must not contain secrets.
    async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_numbers_become_arguments() {
        assert_eq!(Arg::from("a"), Arg::Bytes(b"a".to_vec()));
        assert_eq!(Arg::from("a".to_owned()), Arg::Bytes(b"a".to_vec()));
        assert_eq!(Arg::from(7), Arg::Int(7));
    }

    #[test]
    fn driver_texts_are_classified() {
        for lost in ["broken pipe", "Connection reset by peer (os error 104)"] {
            let error = RedisError::from_driver_text(lost.to_owned());
            assert!(matches!(error, RedisError::Connection(_)), "{lost}");
        }
        for no_script in [
            "NOSCRIPT: No matching script.",
            "Server error: ServerError(Known { kind: NoScript, detail: None })",
            "An error was signalled by the server - NoScriptError: No matching script. Please use EVAL.",
        ] {
            let error = RedisError::from_driver_text(no_script.to_owned());
            assert!(matches!(error, RedisError::NoScript(_)), "{no_script}");
        }
        let refused = "WRONGTYPE: Operation against a key".to_owned();
        let error = RedisError::from_driver_text(refused);
        assert!(matches!(error, RedisError::Other(_)));
    }
}
