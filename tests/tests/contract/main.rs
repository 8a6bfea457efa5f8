//! The contract: requests, responses, headers, lists and conditional requests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod attributes;
mod audit;
mod bench;
mod bodies;
mod changes;
mod events;
mod health;
mod http;
mod idempotency;
mod imports;
mod instance_reuse;
mod list;
mod metrics;
mod own_account;
mod pages;
mod races;
mod readiness;
mod registration;
mod typed_client;
mod user_export;
mod user_import;
mod users;
