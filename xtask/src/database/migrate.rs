//! `cargo xtask migrate`: brings a database to the last migration, or prints its state.

use anyhow::{Result, bail};
use migrations::State;

use crate::database;

/// Applies migrations/*.sql to a database.
#[derive(clap::Args)]
pub struct Arguments {
    /// Database, postgres://user:password@host:port/database; default: DATABASE_URL or
    /// SPIN_VARIABLE_DB_* of the environment or .env, else the database of a running `cargo xtask up`.
    #[arg(long = "database-url", alias = "url", value_name = "URL")]
    url: Option<String>,
    /// Only prints the state of each migration; exit code 1 unless all are applied.
    #[arg(long)]
    status: bool,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    let url = database::url(arguments.url)?;
    if arguments.status {
        status(&url).await
    } else {
        apply(&url).await
    }
}

/// Migrates the database at `url` and prints the result on standard error.
pub async fn apply(url: &str) -> Result<()> {
    let report = migrations::migrate(url).await?;
    eprintln!(
        "    {} of {} migrations applied now",
        report.applied.len(),
        report.total
    );
    Ok(())
}

async fn status(url: &str) -> Result<()> {
    let entries = migrations::status(url).await?;
    for entry in &entries {
        println!(
            "{:04} {:<30} {}",
            entry.version, entry.description, entry.state
        );
    }
    match entries
        .iter()
        .filter(|entry| entry.state != State::Applied)
        .count()
    {
        0 => Ok(()),
        count => bail!(
            "{count} of {} migrations are pending or differ from the database",
            entries.len()
        ),
    }
}
