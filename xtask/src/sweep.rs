//! `cargo xtask sweep`: deletes what is over, and audit rows beyond their retention.

use anyhow::{Context, Result};
use spin_pg_bindings::postgres::Database;

use crate::database;

/// Rows of each table in one statement, which has to end within the role's `statement_timeout`.
const BATCH: i32 = 1_000;

/// Deletes expired sessions, tokens, idempotency keys and counts, and old rows of the audit trail.
#[derive(clap::Args)]
pub struct Arguments {
    /// postgres://user:password@host:port/database; else as `cargo xtask migrate` finds it.
    #[arg(long = "database-url", alias = "url", value_name = "URL")]
    url: Option<String>,
    /// Days that rows of the audit trail are kept; 0 keeps them for ever.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(i32).range(0..=36_500))]
    audit_retention_days: i32,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    let database = database::connect(&database::url(arguments.url)?).await?;
    let deleted = sweep(&database, arguments.audit_retention_days).await?;
    eprintln!("    {deleted} rows deleted");
    Ok(())
}

async fn sweep(database: &dyn Database, audit_retention_days: i32) -> Result<i64> {
    let mut total = 0;
    loop {
        let params = vec![audit_retention_days.into(), BATCH.into()];
        let rows = database.write("SELECT sweep($1, $2) AS deleted", params);
        let rows = rows.await?;
        let deleted: i64 = rows.first().context("no count")?.get("deleted")?;
        if deleted == 0 {
            return Ok(total);
        }
        total += deleted;
    }
}
