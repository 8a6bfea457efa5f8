//! Black-box suites: test a running app as a client does, over HTTP only.
//!
//! Contract suites need `ROSTER_URL` and an administrator's account. Suites that inspect the servers or
//! need another app start their own stack ([`stack::Stack`]). `cargo xtask test` provides for both.

// A failed expectation is the result that a test reports.
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
pub mod host;
pub mod lists;
pub mod login_attempts;
pub mod person;
pub mod raw;
pub mod relay;
pub mod reply;
pub mod service_account;
pub mod shell_blocks;
pub mod soak;
pub mod stack;
pub mod stated;
pub mod usage;

pub use client::Client;
pub use person::{PASSWORD, Person, Session};
pub use reply::Reply;

/// Returns a name unique to this test and run: letters and digits, safe in emails and URLs.
pub fn unique() -> String {
    format!("t{}", uuid::Uuid::new_v4().simple())
}

/// Returns the body of a create request for a unique user.
pub fn new_user() -> serde_json::Value {
    let name = unique();
    serde_json::json!({ "email": format!("{name}@example.com"), "full_name": format!("Test {name}") })
}

/// Returns the body of [`new_user`] with another value of one field.
pub fn new_user_with(field: &str, value: impl Into<serde_json::Value>) -> serde_json::Value {
    let mut body = new_user();
    body[field] = value.into();
    body
}
