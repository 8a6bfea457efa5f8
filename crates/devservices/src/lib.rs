//! Private Postgres and Redis servers for development and tests, the host of the app, and the browser that
//! tests drive.
//!
//! Servers use binaries that are installed on the machine, listen on 127.0.0.1 only, and end with the
//! value that owns them, or with its process if that is killed.

#![allow(
    clippy::disallowed_methods,
    reason = "it runs natively and waits for processes"
)]

mod account;
mod binaries;
mod database;
mod host;
mod install;
mod port;
mod postgres;
mod process;
mod provided;
mod redis;
mod secret;

pub use account::data_folder;
pub use binaries::{Browser, nginx, on_path};
pub use database::{AppDatabase, app_database, create_database};
pub use host::{HostOptions, HostProcess, HostProgram, INSTANCE_LIMIT};
pub use install::{Program, install, missing};
pub use port::free_port;
pub use postgres::{Postgres, PostgresOptions};
pub use process::Process;
pub use provided::{COMPLETE, provided, provided_or_exit};
pub use redis::{Redis, RedisOptions};
pub use secret::{persistent_secret, random_hex, write_private};
