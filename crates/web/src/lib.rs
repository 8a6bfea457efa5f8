//! What every router of Roster shares: configuration, problem documents, strict extractors,
//! conditional requests, cursors, CORS, security headers, the log line and the counts.
//!
//! A component builds an axum `Router` and hands it to [`App`]; the rest happens around it.

pub mod app;
pub mod body;
pub mod conditional;
pub mod config;
pub mod context;
pub mod cors;
pub mod cursor;
#[cfg(target_arch = "wasm32")]
pub mod host;
pub mod log;
pub mod metrics;
pub mod problem;
pub mod query;

pub use app::App;
pub use metrics::Metrics;
pub use problem::Problem;
