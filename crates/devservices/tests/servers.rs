//! Postgres and Redis as tests use them: started, stopped, crashed and frozen.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use anyhow::Result;
use devservices::{
    Postgres, PostgresOptions, Redis, RedisOptions, app_database, create_database, data_folder,
};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_millis(300);

async fn count_users(url: &str) -> Result<i64> {
    let mut connection = PgConnection::connect(url).await?;
    let count = sqlx::query_scalar("SELECT count(*) FROM users")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(count)
}

#[tokio::test]
async fn postgres_keeps_its_data_through_stop_restart_crash_and_kill() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let options = PostgresOptions { durable: true };
    let mut server = Postgres::start(dir.path(), options)?;
    let url = create_database(&server.url("postgres")).await?;
    let port = server.port();
    let mut connection = PgConnection::connect(&url).await?;
    let insert = "INSERT INTO users (id, email, full_name) \
                  VALUES (gen_random_uuid(), 'a@example.com', 'A')";
    sqlx::query(insert).execute(&mut connection).await?;

    server.restart()?;
    assert!(
        sqlx::query("SELECT 1")
            .execute(&mut connection)
            .await
            .is_err()
    );
    assert_eq!(count_users(&url).await?, 1);

    server.crash()?;
    assert!(count_users(&url).await.is_err());
    server.start_again()?;
    assert_eq!(count_users(&url).await?, 1);
    assert_eq!(server.port(), port);

    for _ in 0..3 {
        server.kill()?;
        assert!(count_users(&url).await.is_err());
        server.start_again()?;
        assert_eq!(count_users(&url).await?, 1);
    }

    drop(server);
    assert!(count_users(&url).await.is_err());
    let server = Postgres::start(dir.path(), options)?;
    let url = url.replace(&port.to_string(), &server.port().to_string());
    assert_eq!(count_users(&url).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_paused_postgres_replies_after_resume() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let mut server = Postgres::start(dir.path(), PostgresOptions { durable: false })?;
    let mut connection = PgConnection::connect(&server.url("postgres")).await?;
    server.pause()?;
    let mut query = Box::pin(sqlx::query("SELECT 1").execute(&mut connection));
    assert!(timeout(PATIENCE, &mut query).await.is_err());
    server.resume()?;
    query.await?;
    // A paused server can be stopped, too.
    server.pause()?;
    server.stop()
}

#[tokio::test]
async fn a_new_server_replaces_a_leftover_one_on_the_data() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let options = PostgresOptions { durable: false };
    let mut first = Postgres::start(dir.path(), options)?;
    let second = Postgres::start(dir.path(), options)?;
    PgConnection::connect(&second.url("postgres")).await?;
    first.stop()
}

#[tokio::test]
async fn the_app_has_its_own_role() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let server = Postgres::start(dir.path(), PostgresOptions { durable: false })?;
    let admin = server.url("postgres");
    let database = app_database(&admin).await?;
    assert_eq!(app_database(&admin).await?, database);
    let (url, owner) = (database.app_url, database.owner_url);
    migrations::migrate(&owner).await?;
    assert_eq!(count_users(&url).await?, 0);
    for url in [&url, &owner] {
        let mut connection = PgConnection::connect(url).await?;
        let superuser: bool =
            sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
                .fetch_one(&mut connection)
                .await?;
        assert!(!superuser);
    }
    assert!(create_database(&url).await.is_err());
    assert_ne!(
        create_database(&owner).await?,
        create_database(&owner).await?
    );
    let wrong = url.replace(server.password(), "wrong");
    assert!(PgConnection::connect(&wrong).await.is_err());
    Ok(())
}

fn send_command(stream: &mut TcpStream, command: &str) -> std::io::Result<String> {
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut reply = [0; 64];
    let length = stream.read(&mut reply)?;
    Ok(String::from_utf8_lossy(reply.get(..length).unwrap_or_default()).into_owned())
}

#[test]
fn root_moves_data_out_of_a_private_folder() -> Result<()> {
    let home = tempfile::tempdir()?;
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700))?;
    let preferred = home.path().join("data");
    let folder = data_folder(&preferred)?;
    if fs::metadata(home.path())?.uid() != 0 {
        assert_eq!(folder, preferred.canonicalize()?);
        return Ok(());
    }
    let refusal = Postgres::start(
        &preferred.join("postgres"),
        PostgresOptions { durable: false },
    );
    assert!(
        refusal
            .err()
            .unwrap()
            .to_string()
            .contains("is not accessible")
    );
    assert!(folder.starts_with("/var/tmp"), "{}", folder.display());
    assert_eq!(data_folder(&preferred)?, folder);
    let server = Postgres::start(&folder.join("postgres"), PostgresOptions { durable: false });
    server?.stop()?;
    fs::remove_dir_all(folder)?;
    Ok(())
}

#[test]
fn redis_stops_starts_and_freezes_on_one_port() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let password = Some("s/same".to_owned());
    let mut server = Redis::start(dir.path(), RedisOptions { password })?;
    let address = ("127.0.0.1", server.port());
    assert_eq!(
        server.url(),
        format!("redis://:s%2Fsame@127.0.0.1:{}", server.port())
    );

    let mut stream = TcpStream::connect(address)?;
    assert!(send_command(&mut stream, "PING")?.starts_with("-NOAUTH"));
    assert_eq!(send_command(&mut stream, "AUTH s/same")?, "+OK\r\n");
    assert_eq!(send_command(&mut stream, "SET key value")?, "+OK\r\n");

    server.pause()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    assert!(send_command(&mut stream, "GET key").is_err());
    server.resume()?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reply = [0; 11];
    stream.read_exact(&mut reply)?;
    assert_eq!(reply, *b"$5\r\nvalue\r\n");

    server.stop()?;
    assert!(TcpStream::connect(address).is_err());
    server.start_again()?;
    let mut stream = TcpStream::connect(address)?;
    assert_eq!(send_command(&mut stream, "AUTH s/same")?, "+OK\r\n");
    assert_eq!(send_command(&mut stream, "GET key")?, "$-1\r\n");
    Ok(())
}
