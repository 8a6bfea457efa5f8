//! Code shared by every router of Roster: configuration, problem documents, strict extractors, conditional
//! requests, cursors, access tokens, CORS, security headers, logging and metrics.
//!
//! A component builds an axum `Router` and passes it to [`App`], which adds the rest.

pub mod auth;
pub mod config;
pub mod extract;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub mod response;
pub mod wiring;

pub use metrics::Metrics;
pub use middleware::App;
pub use response::problem::Problem;
