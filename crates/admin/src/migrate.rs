//! `roster-admin migrate`: brings a database to the last migration, or prints its state.

use std::io::{Write, stdout};

use anyhow::{Result, bail};
use migrations::{Entry, State};

use crate::database;

/// Applies the migrations that a database does not have.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only prints the state of each migration; exit code 1 unless all are applied.
    #[arg(long)]
    check: bool,
}

pub(crate) async fn run(url: &str, arguments: &Arguments) -> Result<()> {
    match arguments.check {
        true => check(url).await,
        false => apply(url).await,
    }
}

/// Migrates the database at `url` and prints the number of applied migrations on standard error.
///
/// # Errors
/// No connection, a migration that fails, or one that differs from the database; nothing is changed then.
pub async fn apply(url: &str) -> Result<()> {
    let report = migrations::migrate(&database::for_migrations(url)?).await?;
    eprintln!(
        "{} of {} migrations applied now",
        report.applied.len(),
        report.total
    );
    Ok(())
}

/// Returns the state of every migration.
pub(crate) async fn status(url: &str) -> Result<Vec<Entry>> {
    migrations::status(&database::for_migrations(url)?).await
}

async fn check(url: &str) -> Result<()> {
    let entries = status(url).await?;
    let mut out = stdout().lock();
    for entry in &entries {
        let (version, description) = (entry.version, &entry.description);
        writeln!(out, "{version:04} {description:<30} {}", entry.state)?;
    }
    let applied = |entry: &&Entry| entry.state == State::Applied;
    let total = entries.len();
    match total - entries.iter().filter(applied).count() {
        0 => Ok(()),
        count => bail!("{count} of {total} migrations are pending or differ from the database"),
    }
}
