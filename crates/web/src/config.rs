//! Configuration: the component's Spin variables, read once, typed and validated.
//!
//! [`Variables`] contains the values and parses the simple types; the other modules parse related variables
//! together. Every error names the variable, so that the log shows the setting to fix, and contains no
//! secret.

pub mod deadline;
mod http;
mod secrets;
mod stores;
mod variables;

pub use http::HttpConfig;
pub use settings::Component;
pub use variables::Variables;

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
