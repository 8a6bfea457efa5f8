//! `roster-admin` as a program.

use std::env;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use anyhow::{Context, Error};
use clap::Parser;
use roster_admin::Arguments;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let database = || {
        let url = env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        url.context("no database is configured: set ROSTER_DATABASE_URL or pass --database-url")
    };
    match Arguments::parse().run(database, None).await {
        Ok(()) => ExitCode::SUCCESS,
        // As by `head`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Causes and no backtrace: errors here are about the database, not the code.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
