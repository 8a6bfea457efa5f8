//! Configuration: the component's Spin variables, read once, typed and validated.
//!
//! [`Variables`] contains the values and parses the simple types; the other modules parse related variables
//! together. Every error names the variable, so that the log shows the setting to fix, and contains no
//! secret.

mod http;
mod secrets;
mod stores;
mod variables;

pub use http::HttpConfig;
pub use variables::Variables;

/// The variables of [`HttpConfig::read`], which every component reads.
pub const HTTP: &[&str] = &[
    "cors_allowed_origins",
    "environment_name",
    "log_level",
    "service_name",
];

/// The variables of both stores.
pub const STORES: &[&str] = &[
    "db_host",
    "db_name",
    "db_password",
    "db_port",
    "db_sslmode",
    "db_user",
    "redis_host",
    "redis_password",
    "redis_port",
    "redis_tls",
    "redis_user",
];

/// A missing or invalid variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable {variable}: {problem}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub problem: String,
}

impl ConfigError {
    pub fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

/// A single variable, for tests.
#[cfg(test)]
fn one(name: &'static str, value: &str) -> Variables {
    Variables::from_pairs([(name, value)])
}
