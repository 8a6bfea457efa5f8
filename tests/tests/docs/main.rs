//! The documentation in the app and in the repository.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod browser;
mod command_line;
mod pages;
mod quickstart;
mod readme;
mod registry;
mod services;
mod tour;
