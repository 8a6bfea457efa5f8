//! The runner against a real Postgres.

use anyhow::Result;
use devservices::{Postgres, PostgresOptions};
use tempfile::TempDir;

use super::{FILES, State, connect, migrate, migrator, parse_name, run, status};

type Files = [(&'static str, &'static str)];

const ONE: (&str, &str) = ("0001_one.sql", "CREATE TABLE one (id int)");
const TWO: (&str, &str) = ("0002_two.sql", "CREATE TABLE two (id int)");

fn server() -> Result<(TempDir, Postgres)> {
    let dir = tempfile::tempdir()?;
    let server = Postgres::start(dir.path(), PostgresOptions { durable: false })?;
    Ok((dir, server))
}

/// Checks that a run with these files is rejected for the reason.
async fn assert_rejected(url: &str, files: &Files, reason: &str) -> Result<()> {
    let error = run(url, migrator(files)?).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains(reason), "{error}");
    Ok(())
}

#[test]
fn file_names_are_parsed_into_version_and_description() {
    let (version, description) = parse_name("0012_role_timeouts.sql").unwrap();
    assert_eq!((version, description.as_str()), (12, "role timeouts"));
    for name in ["users.sql", "x_users.sql", "0001_users.txt"] {
        assert!(parse_name(name).is_err(), "{name}");
    }
}

#[tokio::test]
async fn concurrent_runners_apply_each_migration_once() -> Result<()> {
    let (_dir, server) = server()?;
    let url = server.url("postgres");
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { migrate(&url).await })
        })
        .collect();
    for run in runs {
        assert_eq!(run.await??.total, FILES.len());
    }
    let entries = status(&url).await?;
    assert_eq!(entries.len(), FILES.len());
    assert!(
        entries.iter().all(|entry| entry.state == State::Applied),
        "{entries:?}"
    );
    assert!(migrate(&url).await?.applied.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_differs_from_the_files_is_rejected() -> Result<()> {
    let (_dir, server) = server()?;
    let url = server.url("postgres");
    assert_eq!(run(&url, migrator(&[ONE])?).await?.applied, [1]);
    assert_eq!(run(&url, migrator(&[ONE, TWO])?).await?.applied, [2]);

    let changed = [("0001_one.sql", "CREATE TABLE one (id bigint)"), TWO];
    assert_rejected(&url, &changed, "1 (one) is changed after").await?;
    assert_rejected(&url, &[ONE], "2 (two) is applied, but its file is missing").await?;
    let late = [("0000_zero.sql", "SELECT 1"), ONE, TWO];
    assert_rejected(&url, &late, "0 (zero) is pending, but a later one").await?;
    assert!(migrator(&[ONE, ("0001_uno.sql", "")]).is_err());
    Ok(())
}

#[tokio::test]
async fn a_failed_migration_is_rolled_back() -> Result<()> {
    let (_dir, server) = server()?;
    let url = server.url("postgres");
    let broken = ("0002_two.sql", "CREATE TABLE two (id int); SELECT 1 / 0");
    assert_rejected(&url, &[ONE, broken], "division by zero").await?;
    assert_eq!(run(&url, migrator(&[ONE, TWO])?).await?.applied, [2]);
    Ok(())
}

#[tokio::test]
async fn the_runner_sets_statement_and_lock_timeouts() -> Result<()> {
    let (_dir, server) = server()?;
    let url = server.url("postgres");
    migrate(&url).await?;
    let pool = connect(&url).await?;
    for (setting, value) in [("statement_timeout", "0"), ("lock_timeout", "30s")] {
        let shown: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&pool)
            .await?;
        assert_eq!(shown, value, "{setting}");
    }
    Ok(())
}
