//! A private stack for the fault suites: a Postgres, a Redis and a host of the test's own, which
//! it may stop, freeze and restart without disturbing another.
//!
//! `ROSTER_DEVHOST` names the host's program; `ROSTER_MANIFEST` may name another manifest than the
//! project's spin.toml.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use devservices::{Postgres, PostgresOptions, Process, Redis, RedisOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinHandle, block_in_place};

use crate::Client;

/// The host compiles the components at start.
const HOST_START: Duration = Duration::from_secs(120);
/// A host that is asked to stop lets requests finish.
const HOST_STOP: Duration = Duration::from_secs(20);
/// Passwords that a URL or a connection string must quote.
const REDIS_PASSWORD: &str = "p@ss:w/rd";

/// A running app with everything that belongs to it. Dropping it stops all.
pub struct Stack {
    pub client: Client,
    // In the order in which they end: the host first, the folder and the turn last.
    host: Option<Process>,
    redis: Redis,
    postgres: Postgres,
    folder: TempDir,
    _turn: File,
}

impl Stack {
    /// A stack with the default configuration.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A stack with some variables set otherwise.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::launch(variables, false).await.expect("a stack")
    }

    /// A stack whose Postgres keeps what it acknowledged even when it crashes.
    pub async fn start_durable() -> Self {
        Self::launch(&[], true).await.expect("a stack")
    }

    /// The same as [`Stack::start_with`], or the end of what the host said when it did not start.
    pub async fn try_start_with(variables: &[(&str, &str)]) -> Result<Self> {
        Self::launch(variables, false).await
    }

    async fn launch(variables: &[(&str, &str)], durable: bool) -> Result<Self> {
        let turn = block_in_place(take_turn)?;
        let folder = tempfile::Builder::new().prefix("roster-stack-").tempdir()?;
        open_to_servers(folder.path())?;
        let (postgres, redis) = block_in_place(|| -> Result<_> {
            let options = PostgresOptions { durable };
            let postgres = Postgres::start(&folder.path().join("postgres"), options)?;
            let options = RedisOptions {
                password: Some(REDIS_PASSWORD.to_owned()),
            };
            Ok((
                postgres,
                Redis::start(&folder.path().join("redis"), options)?,
            ))
        })?;
        let database = devservices::app_database(&postgres.url("postgres")).await?;
        devservices::migrations::migrate(&database).await?;

        let mut command = Command::new(devhost()?);
        command
            .arg("--manifest")
            .arg(manifest())
            .args(["--listen", "127.0.0.1:0"]);
        command
            .arg("--cache")
            .arg(devhost()?.with_file_name("blackbox-components"));
        for (name, value) in settings(&postgres, &redis) {
            let other = variables.iter().find(|(other, _)| *other == name);
            let value = other.map_or(value, |(_, value)| (*value).to_owned());
            command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
        }
        let log = File::create(log_path(folder.path()))?;
        command.stdout(Stdio::piped()).stderr(log);
        let mut host = Process::spawn(&mut command, HOST_STOP)?;
        let base = block_in_place(|| base_url(&mut host))
            .with_context(|| fs::read_to_string(log_path(folder.path())).unwrap_or_default())?;
        let client = Client::new(&base);
        Ok(Self {
            client,
            host: Some(host),
            redis,
            postgres,
            folder,
            _turn: turn,
        })
    }

    /// What the host and its components have written to standard error so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(log_path(self.folder.path())).expect("the log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines of the log that are JSON objects.
    pub fn log_lines(&self) -> Vec<Value> {
        let log = self.log();
        let objects = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        objects.filter(Value::is_object).collect()
    }

    /// A superuser's connection to the app's database.
    pub async fn database(&self) -> tokio_postgres::Client {
        let url = self.postgres.url("roster");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .expect("a connection");
        // Ends with the client; its error is seen by the client too.
        tokio::spawn(connection);
        client
    }

    /// The app's password in Postgres.
    pub fn database_password(&self) -> &str {
        self.postgres.password()
    }

    /// A connection to the cache.
    pub async fn redis_connection(&self) -> redis::aio::MultiplexedConnection {
        let address = redis::ConnectionAddr::Tcp(self.redis.host().to_owned(), self.redis.port());
        let login = redis::RedisConnectionInfo::default().set_password(REDIS_PASSWORD);
        let info = redis::IntoConnectionInfo::into_connection_info(address).expect("an address");
        let client = redis::Client::open(info.set_redis_settings(login)).expect("a client");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("a connection")
    }

    /// The user's entry in the cache.
    pub async fn cached(&self, id: &str) -> Option<String> {
        let mut redis = self.redis_connection().await;
        let key = format!("roster:user:{id}");
        redis::cmd("GET")
            .arg(key)
            .query_async(&mut redis)
            .await
            .expect("an answer from Redis")
    }

    pub fn stop_redis(&mut self) {
        block_in_place(|| self.redis.stop()).expect("Redis stops");
    }

    /// Starts Redis again, empty.
    pub fn start_redis(&mut self) {
        block_in_place(|| self.redis.start_again()).expect("Redis starts");
    }

    pub fn pause_redis(&mut self) {
        self.redis.pause().expect("Redis freezes");
    }

    pub fn resume_redis(&mut self) {
        self.redis.resume().expect("Redis thaws");
    }

    pub fn stop_postgres(&mut self) {
        block_in_place(|| self.postgres.stop()).expect("Postgres stops");
    }

    /// Ends Postgres as a power cut would.
    pub fn crash_postgres(&mut self) {
        block_in_place(|| self.postgres.crash()).expect("Postgres ends");
    }

    pub fn start_postgres(&mut self) {
        block_in_place(|| self.postgres.start_again()).expect("Postgres starts");
    }

    pub fn pause_postgres(&mut self) {
        self.postgres.pause().expect("Postgres freezes");
    }

    pub fn resume_postgres(&mut self) {
        self.postgres.resume().expect("Postgres thaws");
    }

    /// Stops Postgres as an operator does and starts it again.
    pub fn restart_postgres(&mut self) {
        block_in_place(|| self.postgres.restart()).expect("Postgres restarts");
    }

    /// Sends SIGTERM to the host; the task ends with the host and has its exit status.
    pub fn terminate_host(&mut self) -> JoinHandle<Result<ExitStatus>> {
        let mut host = self.host.take().expect("a running host");
        tokio::task::spawn_blocking(move || host.stop())
    }
}

/// Asks `condition` again and again until it holds; panics when it does not within `limit`.
pub async fn eventually(limit: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One stack at a time on this machine, across test processes too: what these suites measure must
/// not depend on how many of them run. The turn ends with the file.
fn take_turn() -> Result<File> {
    let path = devhost()?.with_file_name("blackbox.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    file.lock()?;
    Ok(file)
}

/// Servers may run as another account, which must be able to enter.
fn open_to_servers(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn devhost() -> Result<PathBuf> {
    let path = std::env::var_os("ROSTER_DEVHOST");
    path.map(PathBuf::from)
        .context("ROSTER_DEVHOST is not set; run `cargo xtask test`")
}

fn manifest() -> PathBuf {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml");
    std::env::var_os("ROSTER_MANIFEST").map_or_else(|| project.into(), PathBuf::from)
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("host.log")
}

/// Every variable of the manifest, so that no .env of a developer changes what is tested.
fn settings(postgres: &Postgres, redis: &Redis) -> Vec<(&'static str, String)> {
    vec![
        ("db_host", postgres.host().to_owned()),
        ("db_port", postgres.port().to_string()),
        ("db_name", "roster".to_owned()),
        ("db_user", "roster".to_owned()),
        ("db_password", postgres.password().to_owned()),
        ("db_sslmode", "disable".to_owned()),
        ("redis_host", redis.host().to_owned()),
        ("redis_port", redis.port().to_string()),
        ("redis_user", String::new()),
        (
            "redis_password",
            redis.password().unwrap_or_default().to_owned(),
        ),
        ("redis_tls", "false".to_owned()),
        ("cursor_key", uuid::Uuid::new_v4().to_string()),
        ("cors_allowed_origins", String::new()),
        ("require_if_match", "false".to_owned()),
        ("cache_ttl_seconds", "30".to_owned()),
        ("log_level", "info".to_owned()),
        ("breach_check_url", String::new()),
    ]
}

/// Waits for the line that says where the host listens.
fn base_url(host: &mut Process) -> Result<String> {
    let stdout = host.take_stdout().context("no standard output")?;
    let (sender, receiver) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "tests run natively")]
    // Reads on after that line, so that the host never writes into a closed pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + HOST_START;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = receiver
            .recv_timeout(left)
            .context("the host did not say where it listens")?;
        match line.strip_prefix("Serving ") {
            Some(url) => return Ok(url.trim().to_owned()),
            None if left.is_zero() => bail!("the host did not start in {HOST_START:?}"),
            None => {}
        }
    }
}
