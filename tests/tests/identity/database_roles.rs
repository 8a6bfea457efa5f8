//! Postgres role of the app: it permits the app's work, and no more.

use blackbox::Person;
use blackbox::stack::Stack;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

async fn denied(client: &Client, sql: &str) {
    let error = client.batch_execute(sql).await.expect_err(sql);
    assert_eq!(
        error.code(),
        Some(&SqlState::INSUFFICIENT_PRIVILEGE),
        "{sql}: {error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_role_cannot_change_audit_trail_or_schema() {
    let stack = Stack::start().await;
    Person::create(&stack.client).await;
    let superuser = stack.database().await;
    let users = "SELECT DISTINCT usename::text FROM pg_stat_activity
        WHERE datname = 'roster' AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    let users = superuser.query(users, &[]).await.unwrap();
    let users: Vec<String> = users.iter().map(|row| row.get(0)).collect();
    assert_eq!(users, ["roster"], "the app logs in as its own role");

    let app = stack.database_as("roster").await;
    for sql in [
        "DELETE FROM audit",
        "UPDATE audit SET action = 'x'",
        "TRUNCATE audit",
        "SELECT sweep(1, 1)",
        "SELECT grant_rights()",
        "ALTER TABLE users DISABLE TRIGGER USER",
        "DROP TABLE users",
        "TRUNCATE users",
        "DELETE FROM _sqlx_migrations",
        "ALTER FUNCTION users_keep_an_admin() OWNER TO roster",
    ] {
        denied(&app, sql).await;
    }
    let limits = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
        current_setting('idle_in_transaction_session_timeout')";
    let limits = app.query_one(limits, &[]).await.unwrap();
    let limits = [0, 1, 2].map(|at| limits.get::<_, String>(at));
    assert_eq!(limits, ["5s", "3s", "5s"]);
    let rows: i64 = superuser
        .query_one("SELECT count(*) FROM audit", &[])
        .await
        .unwrap()
        .get(0);
    assert!(rows > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_probe_role_reads_only_the_migration_ledger() {
    let mut stack = Stack::start().await;
    let password = stack.database_password().to_owned();
    let role =
        format!("CREATE ROLE roster_health LOGIN PASSWORD '{password}' IN ROLE roster_probe");
    stack.database().await.batch_execute(&role).await.unwrap();
    let probe = stack.database_as("roster_health").await;
    probe
        .batch_execute("SELECT max(version) FROM _sqlx_migrations")
        .await
        .unwrap();
    for table in [
        "users",
        "sessions",
        "audit",
        "reset_tokens",
        "known_networks",
    ] {
        denied(&probe, &format!("SELECT FROM {table}")).await;
    }
    denied(
        &probe,
        "INSERT INTO audit (action, request_id) VALUES ('x', 'x')",
    )
    .await;
    // Readiness needs no further privileges.
    stack
        .restart_host(&[("db_user", "roster_health")])
        .expect("a host");
    stack
        .anonymous()
        .get("/api/v1/health/ready")
        .await
        .expect(200);
}
