//! App under chaos: its servers, two hosts over them, and each fault from start to end.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use devservices::Process;
use reqwest::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::block_in_place;
use tokio_postgres::NoTls;
use tokio_postgres::config::Config;

use super::client::new_user;
use super::failover::{Attempt, FailoverClient, Request};
use super::schedule::{Fault, Kind};
use crate::client::USERS;
use crate::stack::{Stack, Storage};

/// Names of the two hosts, also of their clock files.
const HOSTS: [&str; 2] = ["a", "b"];
/// Time limit for a recovery; a run ends if the app exceeds it.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
/// Number of connections per host that send too little.
const SILENT: usize = 60;

/// Running app.
pub struct Servers {
    pub stack: Stack,
    pub failover: FailoverClient,
    hosts: [Option<Process>; 2],
    /// Folder of the files that move the hosts' clocks.
    clocks: Option<PathBuf>,
    canaries: u64,
    admin_token: String,
}

impl Servers {
    /// Starts all processes. Clocks can be moved if `ROSTER_CLOCKS` names a folder.
    pub async fn start(storage: Storage, failover: FailoverClient) -> Result<Self> {
        let variables = [
            ("access_token_minutes", "60"),
            ("max_sessions", "1000"),
            // Longer than any fault, so that a repeated refresh returns the same successor.
            ("refresh_grace_seconds", "60"),
            ("login_attempts_per_account", "1000000"),
            ("login_attempts_per_ip", "1000000"),
            ("log_level", "warn"),
        ];
        let mut stack = Stack::start_with_storage(storage, &variables).await?;
        let admin_token = stack.client.token().to_owned();
        stack.terminate_host().await??;
        let mut servers = Self {
            stack,
            failover,
            hosts: [None, None],
            clocks: std::env::var_os("ROSTER_CLOCKS").map(PathBuf::from),
            canaries: 0,
            admin_token,
        };
        // Makes crash recovery faster but equally safe, and keeps the log from filling a small disk.
        let superuser = servers.superuser().await?;
        for setting in [
            "recovery_init_sync_method = 'syncfs'",
            "max_wal_size = '96MB'",
        ] {
            let sql = format!("ALTER SYSTEM SET {setting}");
            superuser.batch_execute(&sql).await?;
        }
        superuser.batch_execute("SELECT pg_reload_conf()").await?;
        for host in 0..2 {
            servers.start_host(host)?;
        }
        Ok(servers)
    }

    /// Returns the faults that are impossible here, with reasons.
    pub fn impossible(&self) -> Vec<(Kind, &'static str)> {
        let mut impossible = Vec::new();
        if !self.stack.has_small_disk() {
            let why = "the data is on a shared disk; a second stage has a separate disk";
            impossible.push((Kind::DiskFull, why));
        }
        if self.clocks.is_none() {
            impossible.push((Kind::ClockMoved, "libfaketime is not in use"));
        }
        impossible
    }

    /// Connects as a superuser.
    pub async fn superuser(&self) -> Result<tokio_postgres::Client> {
        let mut config: Config = self.stack.superuser_url().parse()?;
        config.connect_timeout(Duration::from_secs(5));
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let limits = "SET statement_timeout = 0; SET lock_timeout = 0; \
             SET idle_in_transaction_session_timeout = 0";
        client.batch_execute(limits).await?;
        Ok(client)
    }

    fn start_host(&mut self, host: usize) -> Result<()> {
        let (process, client) = self.stack.second_host(&[("host_id", HOSTS[host])])?;
        self.hosts[host] = Some(process);
        self.failover.set_host(host, client.base());
        Ok(())
    }

    /// Injects a fault, waits, and heals it.
    pub async fn inject(&mut self, fault: &Fault) -> Result<()> {
        match fault.kind {
            Kind::PostgresKilled => {
                self.stack.kill_postgres()?;
                tokio::time::sleep(fault.hold).await;
                self.stack.revive_postgres()
            }
            Kind::SessionKilled => self.kill_session().await,
            Kind::PostgresRestarted => {
                self.stack.restart_postgres();
                Ok(())
            }
            Kind::PostgresFrozen => {
                self.stack.pause_postgres();
                tokio::time::sleep(fault.hold).await;
                self.stack.resume_postgres();
                Ok(())
            }
            Kind::TableLocked => self.lock_table(fault.hold).await,
            Kind::DiskFull => {
                self.stack.fill_disk()?;
                tokio::time::sleep(fault.hold).await;
                self.stack.free_disk()?;
                self.stack.revive_postgres()
            }
            Kind::RedisKilled => {
                self.stack.kill_redis()?;
                tokio::time::sleep(fault.hold).await;
                self.stack.start_redis();
                Ok(())
            }
            Kind::RedisFrozen => {
                self.stack.pause_redis();
                tokio::time::sleep(fault.hold).await;
                self.stack.resume_redis();
                Ok(())
            }
            Kind::RedisFlushed => {
                self.stack.flush_redis().await;
                Ok(())
            }
            Kind::HostKilled => {
                let mut process = self.hosts[fault.host].take().context("no host")?;
                block_in_place(|| process.kill())?;
                tokio::time::sleep(fault.hold).await;
                self.start_host(fault.host)
            }
            Kind::HostKilledRedisFrozen => {
                self.stack.pause_redis();
                tokio::time::sleep(fault.hold).await;
                let mut process = self.hosts[fault.host].take().context("no host")?;
                block_in_place(|| process.kill())?;
                self.stack.resume_redis();
                self.start_host(fault.host)
            }
            Kind::HostsRolled => self.roll_hosts(),
            Kind::SilentClients => self.connect_silently(fault.hold).await,
            Kind::ClockMoved => {
                self.set_clock(fault.host, fault.seconds)?;
                tokio::time::sleep(fault.hold).await;
                self.set_clock(fault.host, 0)
            }
        }
    }

    /// Ends the session of one of the app's connections, after which Postgres ends all sessions.
    async fn kill_session(&self) -> Result<()> {
        let superuser = self.superuser().await?;
        let sql = "SELECT pid FROM pg_stat_activity WHERE usename = 'roster' \
             ORDER BY state = 'active' DESC, random() LIMIT 1";
        let deadline = Instant::now() + RECOVERY_LIMIT;
        while Instant::now() < deadline {
            if let Some(row) = superuser.query_opt(sql, &[]).await? {
                let id: i32 = row.get(0);
                let status = std::process::Command::new("kill")
                    .args(["-KILL", &id.to_string()])
                    .status()?;
                ensure!(status.success(), "session {id} cannot be killed");
                return self.wait_for_recovery(superuser).await;
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("the app has no session in Postgres")
    }

    /// Waits until Postgres has ended the previous sessions and accepts new ones.
    async fn wait_for_recovery(&self, superuser: tokio_postgres::Client) -> Result<()> {
        let deadline = Instant::now() + RECOVERY_LIMIT;
        while superuser.simple_query("SELECT 1").await.is_ok() || self.superuser().await.is_err() {
            ensure!(Instant::now() < deadline, "Postgres does not recover");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn lock_table(&self, hold: Duration) -> Result<()> {
        let superuser = self.superuser().await?;
        let lock = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
        superuser.batch_execute(lock).await?;
        tokio::time::sleep(hold).await;
        Ok(superuser.batch_execute("ROLLBACK").await?)
    }

    /// Starts the new host before it stops the old one.
    fn roll_hosts(&mut self) -> Result<()> {
        for host in 0..2 {
            let old = self.hosts[host].take();
            self.start_host(host)?;
            if let Some(mut old) = old {
                block_in_place(|| old.stop())?;
            }
        }
        Ok(())
    }

    async fn connect_silently(&self, hold: Duration) -> Result<()> {
        const BEGINNINGS: [&str; 3] = [
            "",
            "GET /api/v1/users HTTP/1.1\r\nHost: local",
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/json\r\nContent-Length: 60\r\n\r\n{\"email\":",
        ];
        let mut connections = Vec::new();
        for host in 0..2 {
            let base = self.failover.host(host);
            let address = base.trim_start_matches("http://").trim_end_matches('/');
            for beginning in BEGINNINGS.iter().cycle().take(SILENT) {
                let mut connection = TcpStream::connect(address).await?;
                connection.write_all(beginning.as_bytes()).await?;
                connections.push(connection);
            }
        }
        // Sends a byte now and then.
        let until = Instant::now() + hold;
        while Instant::now() < until {
            tokio::time::sleep(hold / 4).await;
            for connection in &mut connections {
                // The host may close a connection that is too slow.
                let _ = connection.write_all(b" ").await;
            }
        }
        Ok(())
    }

    fn set_clock(&self, host: usize, seconds: i64) -> Result<()> {
        let folder = self.clocks.as_ref().context("no clock to move")?;
        // Renamed into place, so that the host never reads a partial file.
        let (file, part) = (folder.join(HOSTS[host]), folder.join("part"));
        fs::write(&part, format!("{seconds:+}\n"))?;
        Ok(fs::rename(part, file)?)
    }

    /// Waits until both hosts create and list users and are ready.
    pub async fn recovered(&mut self) -> Result<()> {
        let begun = Instant::now();
        for host in 0..2 {
            while !self.works(host).await {
                if begun.elapsed() > RECOVERY_LIMIT {
                    bail!("host {host} does not recover within {RECOVERY_LIMIT:?}");
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    async fn works(&mut self, host: usize) -> bool {
        self.canaries += 1;
        let name = format!("canary{}", self.canaries);
        let body = new_user(&format!("{name}@example.com"), &name, None);
        let requests = [
            (Request::new(Method::GET, "/api/v1/health/ready"), 200),
            (Request::new(Method::POST, USERS).body(body), 201),
            (Request::new(Method::GET, format!("{USERS}?limit=1")), 200),
        ];
        for (request, expected) in requests {
            let request = request.token(&self.admin_token);
            match self.failover.attempt(host, &request).await {
                Attempt::Response(response) if response.status == expected => {}
                _ => return false,
            }
        }
        true
    }
}
