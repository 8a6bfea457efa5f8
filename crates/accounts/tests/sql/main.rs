//! Use cases against a real Postgres, with a fresh database each and a Redis that is down.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod attributes;
mod export;
mod feed;
mod fixture;
mod import;
mod login_attempts;
mod login_races;
mod passwords;
mod retention;
mod service_accounts;
mod sessions;
mod users;
