//! Programs that the commands call, and the checkout that they work on.

pub mod build;
pub mod cargo;
pub mod cargo_tools;
pub mod kubectl;
pub mod schemathesis;
pub mod services;
pub mod workspace;
