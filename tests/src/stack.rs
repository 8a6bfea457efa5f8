//! Private stack for suites that stop servers, inspect them or need other limits: a separate Postgres,
//! Redis and host, without side effects on other tests.
//!
//! `ROSTER_HOST` selects the host (see [`crate::host`]); `ROSTER_MANIFEST` may name a manifest other than
//! the project's spin.toml.

mod faults;
mod host;
mod redis_monitor;
mod small_disk;
mod variables;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use devservices::{
    HostProcess, HostProgram, Postgres, PostgresOptions, Process, Redis, RedisOptions,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::{JoinHandle, block_in_place};

use crate::Client;
use crate::client::access_token;
use crate::host::devhost;
use crate::usage::Usage;
pub use redis_monitor::RedisMonitor;
use small_disk::SmallDisk;
use variables::Variables;
pub use variables::{ADMIN_EMAIL, ADMIN_PASSWORD, DEFAULT_LIMITS, JWT_SECRET};

/// Passwords that a URL or a connection string must quote.
const REDIS_PASSWORD: &str = "p@ss:w/rd";

/// Running app with its servers. Dropping it stops all.
pub struct Stack {
    /// Administrator; anonymous in a stack that was started signed out.
    pub client: Client,
    // Declared in the order in which they end: the host first, the folder and the lock last.
    host: Option<HostProcess>,
    program: HostProgram,
    manifest: PathBuf,
    redis: Redis,
    postgres: Postgres,
    small_disk: Option<SmallDisk>,
    variables: Variables,
    folder: TempDir,
    _lock: File,
}

/// Storage of a stack's Postgres.
#[derive(Clone, Copy, Default)]
pub struct Storage {
    /// True when Postgres keeps acknowledged data through a crash.
    pub durable: bool,
    /// Size of a separate file system in memory, which tests can fill; `None` for none.
    pub megabytes: Option<u32>,
}

/// Skips the tests of a program that was started without a host to test.
pub fn needs_host() {
    devservices::provided_or_exit("ROSTER_DEVHOST");
}

impl Stack {
    /// Starts a stack without limits.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a stack with some variables overridden.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        needs_host();
        Self::start_with_storage(Storage::default(), variables)
            .await
            .expect("a stack")
    }

    /// Starts a stack with another storage for Postgres and some variables overridden.
    pub async fn start_with_storage(storage: Storage, variables: &[(&str, &str)]) -> Result<Self> {
        let (program, manifest) = (crate::host::program()?, host::manifest());
        let stack = Self::launch(program, manifest, variables, storage).await?;
        Ok(stack.signed_in().await)
    }

    /// Starts a stack without limits that serves another manifest.
    pub async fn start_from(manifest: &Path) -> Result<Self> {
        let (program, manifest) = (crate::host::program()?, manifest.to_owned());
        let stack = Self::launch(program, manifest, &[], Storage::default()).await?;
        Ok(stack.signed_in().await)
    }

    /// Starts a stack whose Postgres keeps acknowledged data through a crash.
    pub async fn start_durable() -> Self {
        needs_host();
        let storage = Storage {
            durable: true,
            megabytes: None,
        };
        Self::start_with_storage(storage, &[])
            .await
            .expect("a stack")
    }

    /// Starts a stack without signing in. The error contains the end of the host's log.
    pub async fn start_signed_out(variables: &[(&str, &str)]) -> Result<Self> {
        needs_host();
        let (program, manifest) = (crate::host::program()?, host::manifest());
        Self::launch(program, manifest, variables, Storage::default()).await
    }

    /// Starts a stack on another host than the suites', with the administrator signed in.
    pub async fn start_on(program: HostProgram, variables: &[(&str, &str)]) -> Result<Self> {
        let stack = Self::launch(program, host::manifest(), variables, Storage::default()).await?;
        Ok(stack.signed_in().await)
    }

    async fn launch(
        program: HostProgram,
        manifest: PathBuf,
        others: &[(&str, &str)],
        storage: Storage,
    ) -> Result<Self> {
        let lock = block_in_place(acquire_stack_lock)?;
        let folder = tempfile::Builder::new().prefix("roster-stack-").tempdir()?;
        open_to_servers(folder.path())?;
        let data = folder.path().join("postgres");
        let small_disk = storage.megabytes.map(|size| SmallDisk::mount(&data, size));
        let small_disk = small_disk.transpose()?;
        let (postgres, redis) = block_in_place(|| -> Result<_> {
            let options = PostgresOptions {
                durable: storage.durable,
            };
            let postgres = Postgres::start(&data, options)?;
            let options = RedisOptions {
                password: Some(REDIS_PASSWORD.to_owned()),
            };
            Ok((
                postgres,
                Redis::start(&folder.path().join("redis"), options)?,
            ))
        })?;
        let database = devservices::app_database(&postgres.url("postgres")).await?;
        migrations::migrate(&database.owner_url).await?;
        let mut variables = Variables::of(&postgres, &redis);
        variables.set(others);
        let log = log_path(folder.path());
        let host =
            block_in_place(|| host::start(&program, &manifest, &variables, folder.path(), &log))?;
        Ok(Self {
            client: Client::new(&host.url),
            host: Some(host),
            program,
            manifest,
            redis,
            postgres,
            small_disk,
            variables,
            folder,
            _lock: lock,
        })
    }

    async fn signed_in(mut self) -> Self {
        let reply = self.client.login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        self.client = self.client.with_token(&access_token(&reply.expect(200)));
        self
    }

    /// Returns the current value of one of the app's variables.
    pub fn variable(&self, name: &str) -> String {
        self.variables.get(name).unwrap_or_default().to_owned()
    }

    /// Anonymous client of the app.
    pub fn anonymous(&self) -> Client {
        self.client.without_token()
    }

    /// Stops the host and starts another with some variables overridden, at another address: existing
    /// clients must be moved with [`Client::at`]. `client` is moved, with its token.
    ///
    /// # Errors
    /// Output of the host if it did not start.
    pub fn restart_host(&mut self, others: &[(&str, &str)]) -> Result<()> {
        self.variables.set(others);
        block_in_place(|| {
            drop(self.host.take());
            let host = self.another_host(&self.variables)?;
            self.client = self.client.at(&host.url);
            self.host = Some(host);
            Ok(())
        })
    }

    /// Starts another host over the same Postgres and Redis, with some variables overridden, and returns
    /// it with an anonymous client: two configurations side by side, as in a rolling update.
    pub fn second_host(&self, others: &[(&str, &str)]) -> Result<(Process, Client)> {
        let mut variables = self.variables.clone();
        variables.set(others);
        let host = block_in_place(|| self.another_host(&variables))?;
        Ok((host.process, Client::new(&host.url)))
    }

    fn another_host(&self, variables: &Variables) -> Result<HostProcess> {
        let folder = self.folder.path();
        let log = log_path(folder);
        host::start(&self.program, &self.manifest, variables, folder, &log)
    }

    /// Returns the standard error of the host and its components so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(log_path(self.folder.path())).expect("the log");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns the lines of the log that are JSON objects.
    pub fn log_lines(&self) -> Vec<Value> {
        let log = self.log();
        let objects = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        objects.filter(Value::is_object).collect()
    }

    /// Returns the URL of a database of the stack's Postgres for a superuser; the app's is `roster`.
    pub fn database_url(&self, name: &str) -> String {
        self.postgres.url(name)
    }

    /// Connects to the app's database as a superuser.
    pub async fn database(&self) -> tokio_postgres::Client {
        let superuser = crate::database::connect(&self.postgres.url("roster")).await;
        // Removes the database's limits, which are for the app: tests hold locks for longer.
        let limits = "SET statement_timeout = 0; SET lock_timeout = 0; \
             SET idle_in_transaction_session_timeout = 0";
        superuser.batch_execute(limits).await.expect("no limits");
        superuser
    }

    /// Connects as another role with the password of the stack.
    pub async fn database_as(&self, role: &str) -> tokio_postgres::Client {
        let url = self.postgres.url("roster");
        let user = format!("//{}:", self.postgres.user());
        crate::database::connect(&url.replacen(&user, &format!("//{role}:"), 1)).await
    }

    /// Password of the app in Postgres.
    pub fn database_password(&self) -> &str {
        self.postgres.password()
    }

    /// Connects to the cache.
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

    /// Records every command that reaches Redis from now on.
    pub async fn monitor_redis(&self) -> RedisMonitor {
        RedisMonitor::start(&self.redis, REDIS_PASSWORD).await
    }

    /// Returns the user's entry in the cache.
    pub async fn cached(&self, id: &str) -> Option<String> {
        let mut redis = self.redis_connection().await;
        let key = format!("roster:user:{id}");
        redis::cmd("GET")
            .arg(key)
            .query_async(&mut redis)
            .await
            .expect("a response from Redis")
    }

    /// Deletes all data in Redis.
    pub async fn flush_redis(&self) {
        let mut redis = self.redis_connection().await;
        let () = redis::cmd("FLUSHALL")
            .query_async(&mut redis)
            .await
            .expect("an empty Redis");
    }

    /// Returns the resources that the host's processes use now.
    pub fn usage(&self) -> Usage {
        let host = self.host.as_ref().expect("a running host");
        Usage::of(&host.process.ids().expect("ids")).expect("the usage of the host")
    }

    /// Sends SIGTERM to the host; the task ends with the host and returns its exit status.
    pub fn terminate_host(&mut self) -> JoinHandle<Result<ExitStatus>> {
        let mut host = self.host.take().expect("a running host");
        tokio::task::spawn_blocking(move || host.process.stop())
    }
}

/// Polls `condition` until it holds; panics if it does not within `limit`.
pub async fn eventually(limit: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Allows one stack at a time on this machine, across test processes too: measurements must not depend on
/// the number of running suites. Dropping the file releases the lock.
fn acquire_stack_lock() -> Result<File> {
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

/// Makes the folder accessible: servers may run as another account.
fn open_to_servers(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("host.log")
}
