//! The documentation in the app and in the repository.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod browser;
mod clients;
mod command_line;
mod compose;
mod envoy;
mod from_fastapi;
mod nginx;
mod pages;
mod quickstart;
mod readme;
mod registry;
mod service;
mod services;
mod tour;
mod user_copy;
