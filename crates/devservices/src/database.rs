//! Databases and roles on a running server.

use std::str::FromStr;

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use url::Url;

use crate::migrations;
use crate::secret::random_hex;

/// A fresh database, migrated, as a URL of the role in `admin_url`, which may create databases.
/// Tests have one each and may run in parallel.
pub async fn create_database(admin_url: &str) -> Result<String> {
    let name = format!("test_{}", random_hex(8)?);
    let mut connection = connect(admin_url).await?;
    connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .context("cannot create a database")?;
    connection.close().await?;
    let mut url = Url::parse(admin_url)?;
    url.set_path(&name);
    migrations::migrate(url.as_str()).await?;
    Ok(url.into())
}

/// The app's database `roster`, made when it does not exist, owned by a role of the same name that
/// is no superuser, may create databases (tests do), and has the password of `admin_url`'s role.
pub async fn app_database(admin_url: &str) -> Result<String> {
    const NAME: &str = "roster";
    let mut url = Url::parse(admin_url)?;
    let password = url
        .password()
        .context("the URL has no password")?
        .to_owned();
    let mut connection = connect(admin_url).await?;
    let exists = |catalog: &str, column: &str| {
        let sql = format!("SELECT EXISTS (SELECT FROM {catalog} WHERE {column} = $1)");
        sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql)).bind(NAME)
    };
    let verb = match exists("pg_roles", "rolname")
        .fetch_one(&mut connection)
        .await?
    {
        true => "ALTER",
        false => "CREATE",
    };
    let literal = password.replace('\'', "''");
    let role = format!("{verb} ROLE {NAME} LOGIN CREATEDB PASSWORD '{literal}'");
    connection.execute(AssertSqlSafe(role)).await?;
    if !exists("pg_database", "datname")
        .fetch_one(&mut connection)
        .await?
    {
        let database = format!("CREATE DATABASE {NAME} OWNER {NAME}");
        connection.execute(AssertSqlSafe(database)).await?;
    }
    connection.close().await?;
    url.set_path(NAME);
    if url.set_username(NAME).is_err() {
        anyhow::bail!("the URL cannot have a user");
    }
    Ok(url.into())
}

async fn connect(url: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(url).context("not a Postgres URL")?;
    PgConnection::connect_with(&options)
        .await
        .context("cannot connect to Postgres")
}
