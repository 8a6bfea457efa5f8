//! Passwords, sessions, tokens, keys and access control.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod access_tokens;
mod admin_takeover;
mod authorization;
mod bootstrap;
mod breached_passwords;
mod database_roles;
mod last_admin;
mod password_reset;
mod passwords;
mod refresh_tokens;
mod service_accounts;
mod sessions;
mod sign_in;
mod signing_keys;
