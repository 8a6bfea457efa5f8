//! Databases and roles on a running server.

use std::str::FromStr;

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor};
use url::Url;

use crate::secret::random_hex;

/// Creates and migrates a fresh database, and returns its URL with the role in `admin_url`, which must
/// be allowed to create databases. Each test has its own, so tests may run in parallel.
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

/// The app's database, as URLs of its two roles, which are not superusers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppDatabase {
    /// For `roster_owner`, which migrates, and may create databases (tests do).
    pub owner_url: String,
    /// For `roster`, the app's role: a member of `roster_app`, to which migrations grant its rights.
    pub app_url: String,
}

const APP: &str = "roster";
const OWNER: &str = "roster_owner";

/// Creates the database `roster` if it does not exist, and its roles, with the password in `admin_url`.
/// Objects that the app's role owns, from before there was an owner, are reassigned to the owner.
pub async fn app_database(admin_url: &str) -> Result<AppDatabase> {
    let url = Url::parse(admin_url)?;
    let password = url.password().context("the URL has no password")?;
    let password = password.replace('\'', "''");
    let mut connection = connect(admin_url).await?;
    for (role, rights) in [
        ("roster_app", "NOLOGIN"),
        ("roster_probe", "NOLOGIN"),
        (OWNER, "LOGIN CREATEDB"),
        (APP, "LOGIN NOCREATEDB"),
    ] {
        let verb = match exists(&mut connection, "pg_roles", "rolname", role).await? {
            true => "ALTER",
            false => "CREATE",
        };
        let sql = format!("{verb} ROLE {role} {rights} PASSWORD '{password}'");
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    connection.execute("GRANT roster_app TO roster").await?;
    if !exists(&mut connection, "pg_database", "datname", APP).await? {
        let sql = format!("CREATE DATABASE {APP} OWNER {OWNER}");
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    connection.close().await?;
    let with = |user: &str| {
        let mut url = url.clone();
        url.set_path(APP);
        match url.set_username(user) {
            Ok(()) => Ok(url),
            Err(()) => anyhow::bail!("the URL cannot have a user"),
        }
    };
    let mut connection = connect(with(url.username())?.as_str()).await?;
    let sql = format!("REASSIGN OWNED BY {APP} TO {OWNER}");
    connection.execute(AssertSqlSafe(sql)).await?;
    connection.close().await?;
    Ok(AppDatabase {
        owner_url: with(OWNER)?.into(),
        app_url: with(APP)?.into(),
    })
}

async fn exists(
    connection: &mut PgConnection,
    catalog: &str,
    column: &str,
    name: &str,
) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT FROM {catalog} WHERE {column} = $1)");
    let query = sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql)).bind(name);
    Ok(query.fetch_one(connection).await?)
}

async fn connect(url: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(url).context("not a Postgres URL")?;
    PgConnection::connect_with(&options)
        .await
        .context("cannot connect to Postgres")
}
