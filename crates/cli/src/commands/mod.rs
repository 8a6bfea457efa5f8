//! Implementations of the commands.

pub mod audit;
pub mod health;
mod import;
mod pages;
pub mod sessions;
pub mod sign_in;
pub mod users;
