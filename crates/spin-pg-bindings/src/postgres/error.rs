//! Errors of statements, and their meaning for a caller.

use std::time::Duration;

/// Failure of a statement. The texts are for logs: they may contain names from the database.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There is no connection, or it was lost.
    #[error("no connection to Postgres: {0}")]
    Connection(String),
    /// Postgres did not respond within this time; the statement may or may not have run.
    #[error("Postgres did not respond within {0:?}")]
    Timeout(Duration),
    /// Postgres rejected the statement.
    #[error("{0}")]
    Database(DatabaseError),
    /// A column has another type than the code reads.
    #[error("column {column} is {found}, expected {expected}")]
    Decode {
        column: String,
        expected: &'static str,
        found: String,
    },
    /// The result has no such column.
    #[error("the result has no column {column}")]
    MissingColumn { column: String },
    /// A parameter does not fit the statement.
    #[error("invalid parameter: {0}")]
    Parameter(String),
    #[error("{0}")]
    Other(String),
}

/// Fields of a Postgres error report. The detail is left out, because it quotes values of rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{severity} {sqlstate}: {message}")]
pub struct DatabaseError {
    /// Five characters; the first two are the class.
    pub sqlstate: String,
    /// Name of the violated constraint.
    pub constraint: Option<String>,
    /// `ERROR`, `FATAL` or `PANIC`.
    pub severity: String,
    pub message: String,
}

impl Error {
    /// Returns the SQLSTATE that Postgres returned.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Database(error) => Some(&error.sqlstate),
            _ => None,
        }
    }

    /// Returns the constraint that the statement violated.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(error) => error.constraint.as_deref(),
            _ => None,
        }
    }

    /// Returns true for SQLSTATE 23505.
    pub fn is_unique_violation(&self) -> bool {
        self.sqlstate() == Some("23505")
    }

    /// Returns true if a retry may well succeed (503 and `Retry-After`): the connection is lost, or
    /// Postgres did not respond in time, lacks resources (53), is stopping, starting or cancelled the
    /// statement (57), cannot be connected to (08), is read-only (25006), gave up on a lock (55P03), or
    /// had conflicting transactions (40001, 40P01).
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Timeout(_) => true,
            Self::Database(error) => {
                let class = error.sqlstate.get(..2).unwrap_or_default();
                matches!(class, "08" | "53" | "57")
                    || matches!(
                        error.sqlstate.as_str(),
                        "25006" | "40001" | "40P01" | "55P03"
                    )
            }
            Self::Decode { .. }
            | Self::MissingColumn { .. }
            | Self::Parameter(_)
            | Self::Other(_) => false,
        }
    }

    /// Returns true if Postgres, or a pooler in front of it, is up but overloaded: a deadline passed, or
    /// it accepts no further connection. For a rejected connection, the host passes on only the text.
    pub fn is_overload(&self) -> bool {
        const NO_ROOM: [&str; 5] = [
            "too many clients",
            "too many connections",
            "remaining connection slots",
            // PgBouncer.
            "no more connections allowed",
            "query_wait_timeout",
        ];
        let has_no_room = |text: &str| NO_ROOM.iter().any(|phrase| text.contains(phrase));
        match self {
            Self::Timeout(_) => true,
            Self::Connection(text) => has_no_room(text),
            // Out of resources, or cancelled by a timeout.
            Self::Database(error) => {
                error.sqlstate.starts_with("53")
                    || error.sqlstate == "57014"
                    || has_no_room(&error.message)
            }
            _ => false,
        }
    }

    /// Returns true if the connection is of no more use after this error: it is closed, or its server
    /// became read-only.
    #[cfg(any(test, target_arch = "wasm32"))]
    pub(crate) fn ends_connection(&self) -> bool {
        match self {
            Self::Connection(_) | Self::Timeout(_) => true,
            Self::Database(error) => {
                error.sqlstate.starts_with("08")
                    || matches!(error.severity.as_str(), "FATAL" | "PANIC")
                    || matches!(
                        error.sqlstate.as_str(),
                        "25006"
                            | "25P03"
                            | "25P04"
                            | "57P01"
                            | "57P02"
                            | "57P03"
                            | "57P04"
                            | "57P05"
                    )
            }
            _ => false,
        }
    }

    /// Classifies the debug text of a driver, which is all that the host passes on for errors that do not
    /// come from the server.
    #[cfg(any(test, target_arch = "wasm32", feature = "native"))]
    pub(crate) fn from_driver_text(text: String) -> Self {
        let kind = text.strip_prefix("Error { kind: ").unwrap_or_default();
        let is = |names: &[&str]| names.iter().any(|name| kind.starts_with(name));
        if is(&["Closed", "Io", "UnexpectedMessage", "Connect", "Timeout"]) {
            Self::Connection(text)
        } else if is(&["ToSql", "Parameters"]) {
            Self::Parameter(text)
        } else {
            Self::Other(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(sqlstate: &str, severity: &str) -> Error {
        Error::Database(DatabaseError {
            sqlstate: sqlstate.into(),
            constraint: Some("users_email_key".into()),
            severity: severity.into(),
            message: "text".into(),
        })
    }

    #[test]
    fn transient_errors_are_unavailable() {
        for sqlstate in [
            "08006", "25006", "40001", "40P01", "53300", "55P03", "57014", "57P01",
        ] {
            assert!(database(sqlstate, "ERROR").is_unavailable(), "{sqlstate}");
        }
        for sqlstate in ["23505", "23514", "42P01", "22P02", ""] {
            assert!(!database(sqlstate, "ERROR").is_unavailable(), "{sqlstate}");
        }
        assert!(Error::Timeout(Duration::from_secs(1)).is_unavailable());
        assert!(!Error::Other("text".into()).is_unavailable());
    }

    #[test]
    fn overload_is_distinguished_from_an_outage() {
        for text in [
            "db error: FATAL: sorry, too many clients already",
            "db error: FATAL: too many connections for database \"roster\"",
            "db error: FATAL: remaining connection slots are reserved for roles",
            "db error: FATAL: query_wait_timeout",
        ] {
            assert!(Error::Connection(text.into()).is_overload(), "{text}");
        }
        assert!(Error::Timeout(Duration::from_secs(1)).is_overload());
        assert!(database("53300", "FATAL").is_overload());
        assert!(database("57014", "ERROR").is_overload());
        for text in [
            "error connecting to server: Connection refused (os error 111)",
            "db error: FATAL: password authentication failed for user \"roster\"",
            "db error: FATAL: the database system is starting up",
        ] {
            assert!(!Error::Connection(text.into()).is_overload(), "{text}");
        }
        assert!(!database("57P01", "FATAL").is_overload());
        assert!(!database("42P01", "ERROR").is_overload());
    }

    #[test]
    fn only_connection_errors_end_the_connection() {
        assert!(database("57P01", "FATAL").ends_connection());
        assert!(database("57P01", "SCHWERWIEGEND").ends_connection());
        assert!(database("XX000", "PANIC").ends_connection());
        assert!(database("25006", "ERROR").ends_connection());
        for sqlstate in ["23505", "40001", "53200", "57014"] {
            assert!(!database(sqlstate, "ERROR").ends_connection(), "{sqlstate}");
        }
    }

    #[test]
    fn driver_texts_are_classified() {
        let of = |text: &str| Error::from_driver_text(text.to_owned());
        for text in [
            "Error { kind: Closed, cause: None }",
            "Error { kind: Io, cause: Some(..) }",
        ] {
            assert!(matches!(of(text), Error::Connection(_)), "{text}");
        }
        for text in [
            "Error { kind: ToSql(0), cause: .. }",
            "Error { kind: Parameters(1, 2) }",
        ] {
            assert!(matches!(of(text), Error::Parameter(_)), "{text}");
        }
        assert!(matches!(
            of("error retrieving column 0: kind: Closed"),
            Error::Other(_)
        ));
    }

    #[test]
    fn a_violation_names_its_constraint() {
        let error = database("23505", "ERROR");
        assert!(error.is_unique_violation());
        assert_eq!(error.constraint(), Some("users_email_key"));
        assert_eq!(error.to_string(), "ERROR 23505: text");
    }
}
