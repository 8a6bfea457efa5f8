//! Direct access to the shared app's database: reads stored data, and moves times so that tests need not
//! wait.
//!
//! `ROSTER_DATABASE_URL` names its database.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

/// Connects to the shared app's database.
///
/// # Panics
/// If the variable is not set: a suite that skips itself proves nothing.
pub async fn shared_database() -> Client {
    let url = devservices::provided_or_exit("ROSTER_DATABASE_URL");
    connect(&url).await
}

/// Opens a connection that ends with its client.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a connection");
    // The client also receives this error.
    tokio::spawn(connection);
    client
}

/// Executes a statement that must change one row. Ids are text: `$1::text::uuid`.
pub async fn change_one(database: &Client, sql: &str, parameters: &[&(dyn ToSql + Sync)]) {
    let changed = database.execute(sql, parameters).await.expect("a change");
    assert_eq!(changed, 1, "{sql}");
}

/// Returns the stored hash of a user's password.
pub async fn password_hash(database: &Client, id: &str) -> Option<String> {
    let sql = "SELECT password_hash FROM users WHERE id = $1::text::uuid";
    let row = database.query_one(sql, &[&id]).await.expect("a row");
    row.get(0)
}
