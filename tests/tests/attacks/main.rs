//! Attacks: password guessing, forged tokens, hostile input, exhaustion of resources.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod authorization_bypass;
mod brute_force;
mod enumeration_timing;
mod exhaustion_connections;
mod exhaustion_input;
mod hostile_input;
mod rate_limits;
mod schemathesis;
mod secret_leaks;
mod spraying;
