//! Authentication, access control and rate limiting for every endpoint.

pub mod access_control;
pub mod access_token;
pub mod endpoints;
mod routes;
