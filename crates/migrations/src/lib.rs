//! Applies `migrations/*.sql` with sqlx's migrator: in order, each in its own transaction, under an
//! advisory lock, with a checksum of each in the ledger `_sqlx_migrations`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor, SqlSafeStr};

/// Name and contents of every file in `migrations/`, in order.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Overrides the role's limits, which suit requests: a migration may take as long as it needs, but must
/// not queue for a lock so long that requests queue behind it.
const SESSION: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                       SET lock_timeout = '30s'";

/// State of a migration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// In the ledger, with the checksum of the file.
    Applied,
    /// Not in the ledger.
    Pending,
    /// Applied, but the file was changed afterwards.
    Changed,
    /// Applied, but without a file: the database is newer than this program.
    Missing,
    /// Not applied, although a later one is.
    OutOfOrder,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Changed => "changed after it was applied",
            Self::Missing => "applied, but its file is missing: the database is newer",
            Self::OutOfOrder => "pending, but a later one is applied",
        })
    }
}

/// One migration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Number at the start of the file name.
    pub version: i64,
    /// The rest of the file name.
    pub description: String,
    /// State in the database.
    pub state: State,
}

/// Result of `migrate`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Versions that were pending.
    pub applied: Vec<i64>,
    /// Number of all migrations of the database.
    pub total: usize,
}

/// Brings the database at `url` to the last migration. Fails without any change if an applied file was
/// changed or is missing, or if a pending one is older than an applied one.
pub async fn migrate(url: &str) -> Result<Report> {
    run(url, migrator(FILES)?).await
}

/// Returns the state of every migration in the database at `url`, in order. Changes nothing.
pub async fn status(url: &str) -> Result<Vec<Entry>> {
    let pool = connect(url).await?;
    let entries = compare(&pool, &migrator(FILES)?).await?;
    pool.close().await;
    Ok(entries)
}

async fn run(url: &str, migrator: Migrator) -> Result<Report> {
    let pool = connect(url).await?;
    let entries = compare(&pool, &migrator).await?;
    for entry in &entries {
        if !matches!(entry.state, State::Applied | State::Pending) {
            let Entry {
                version,
                description,
                state,
            } = entry;
            bail!("migration {version} ({description}) is {state}");
        }
    }
    migrator.run(&pool).await?;
    pool.close().await;
    Ok(Report {
        applied: entries
            .iter()
            .filter(|entry| entry.state == State::Pending)
            .map(|entry| entry.version)
            .collect(),
        total: entries.len(),
    })
}

/// Opens one connection. The migrator locks and unlocks in a session, which a pool of one keeps.
async fn connect(url: &str) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(url).context("not a Postgres URL")?;
    // A pool retries until its timeout, and then cannot report the cause.
    let probe = PgConnection::connect_with(&options).await;
    let probe = probe.context("cannot connect to Postgres")?;
    probe.close().await?;
    PgPoolOptions::new()
        .max_connections(1)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION).await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .context("cannot connect to Postgres")
}

fn migrator(files: &[(&'static str, &'static str)]) -> Result<Migrator> {
    let mut migrations = Vec::new();
    for (name, sql) in files {
        let (version, description) = parse_name(name)?;
        if migrations
            .iter()
            .any(|other: &Migration| other.version == version)
        {
            bail!("two migrations have the number {version}");
        }
        migrations.push(Migration::new(
            version,
            description.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            // The first line that makes sqlx's own reader skip the transaction.
            sql.starts_with("-- no-transaction"),
        ));
    }
    Ok(Migrator::with_migrations(migrations))
}

/// Splits `0001_users.sql` into version and description.
fn parse_name(name: &str) -> Result<(i64, String)> {
    name.strip_suffix(".sql")
        .and_then(|stem| stem.split_once('_'))
        .and_then(|(version, rest)| Some((version.parse().ok()?, rest.replace('_', " "))))
        .with_context(|| format!("migrations/{name} is not named <number>_<description>.sql"))
}

async fn compare(pool: &PgPool, migrator: &Migrator) -> Result<Vec<Entry>> {
    let mut applied = applied(pool).await?;
    let newest = applied.keys().next_back().copied().unwrap_or_default();
    let mut entries: Vec<_> = migrator
        .iter()
        .map(|migration| Entry {
            version: migration.version,
            description: migration.description.to_string(),
            state: match applied.remove(&migration.version) {
                Some((_, checksum)) if checksum == *migration.checksum => State::Applied,
                Some(_) => State::Changed,
                None if migration.version < newest => State::OutOfOrder,
                None => State::Pending,
            },
        })
        .collect();
    entries.extend(
        applied
            .into_iter()
            .map(|(version, (description, _))| Entry {
                version,
                description,
                state: State::Missing,
            }),
    );
    entries.sort_by_key(|entry| entry.version);
    Ok(entries)
}

/// Returns description and checksum of applied migrations, by version; empty without a ledger.
async fn applied(pool: &PgPool) -> Result<BTreeMap<i64, (String, Vec<u8>)>> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await?;
    if !exists {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT version, description, checksum FROM _sqlx_migrations")
            .fetch_all(pool)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(version, description, checksum)| (version, (description, checksum)))
        .collect())
}

#[cfg(test)]
mod tests;
