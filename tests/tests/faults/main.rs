//! Faults of Postgres, Redis and the host.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod chaos;
mod host;
mod identity;
mod overload;
mod postgres;
mod redis;
mod scripted_spin;
