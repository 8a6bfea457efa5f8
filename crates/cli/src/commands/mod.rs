//! Implementations of the commands.

pub mod audit;
mod export;
pub mod health;
mod import;
mod pages;
mod progress;
pub mod service_accounts;
pub mod sessions;
pub mod sign_in;
pub mod users;
