//! The command line `roster`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod audit;
mod commands;
mod export;
mod import;
mod service_accounts;
