//! Code shared by every router of Roster: configuration, problem documents, strict extractors, conditional
//! requests, cursors, access tokens, CORS, security headers, logging and metrics.
//!
//! A component builds an axum `Router` and passes it to [`App`], which adds the rest.

pub mod answer;
pub mod app;
pub mod body;
pub mod breach_api;
pub mod conditional;
pub mod config;
pub mod context;
pub mod cors;
pub mod cursor;
pub mod deadline;
pub mod document;
pub mod endpoints;
pub mod gate;
#[cfg(target_arch = "wasm32")]
pub mod host;
pub mod idempotency;
pub mod list;
pub mod log;
pub mod metrics;
pub mod problem;
pub mod query;
pub mod services;
pub mod startup;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;

pub use app::App;
pub use metrics::Metrics;
pub use problem::Problem;
