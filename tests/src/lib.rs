//! Black-box suites: what a client sees of a running app, over HTTP and nothing else.
//!
//! The contract suites need `ROSTER_URL` and an administrator's account; suites that look behind the
//! app or need another one start a stack of their own ([`stack::Stack`]). `cargo xtask test` provides
//! for both.

// Here a failed expectation is the result that a test reports.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

pub mod artifact;
pub mod attack;
pub mod browser;
pub mod chaos;
pub mod client;
pub mod database;
mod document;
pub mod forge;
pub mod forged;
pub mod forged_claims;
pub mod guesses;
pub mod host;
pub mod lists;
pub mod person;
pub mod raw;
pub mod reply;
pub mod soak;
pub mod stack;
pub mod usage;

pub use client::Client;
pub use person::{PASSWORD, Person, Session};
pub use reply::Reply;

/// A name that no other test and no other run uses: letters and digits, safe in emails and URLs.
pub fn unique() -> String {
    format!("t{}", uuid::Uuid::new_v4().simple())
}

/// The body of a create request for a user that nobody else has.
pub fn new_user() -> serde_json::Value {
    let name = unique();
    serde_json::json!({ "email": format!("{name}@example.com"), "full_name": format!("Test {name}") })
}
