//! `roster-admin sweep`: deletes expired rows, and audit rows beyond their retention.

use anyhow::{Context, Result};
use spin_pg_bindings::postgres::Database;

use crate::database::connect;

/// Rows per table and statement, which has to end within the role's `statement_timeout`.
const BATCH: i32 = 1_000;

/// Deletes expired sessions, tokens, idempotency keys and counts, and old rows of the audit trail.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Retention of the audit trail in days; 0 keeps rows forever.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(i32).range(0..=36_500))]
    audit_retention_days: i32,
}

pub(crate) async fn run(url: &str, arguments: &Arguments) -> Result<()> {
    let database = connect(url).await?;
    let deleted = sweep(&database, arguments.audit_retention_days).await?;
    eprintln!("{deleted} rows deleted");
    Ok(())
}

async fn sweep(database: &dyn Database, audit_retention_days: i32) -> Result<i64> {
    let mut total = 0;
    loop {
        let params = vec![audit_retention_days.into(), BATCH.into()];
        let rows = database.write("SELECT sweep($1, $2) AS deleted", params);
        let rows = rows.await?;
        let deleted: i64 = rows
            .first()
            .context("sweep returned no row")?
            .get("deleted")?;
        if deleted == 0 {
            return Ok(total);
        }
        total += deleted;
    }
}
