//! A target as the run uses it: started, stopped, logged in to, its cache emptied.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use devservices::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Connection, authority};
use crate::plan::{Data, Planned};
use crate::workload::{LIVE, Population, Traffic, Users};

/// Includes compiling the components.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longer than a host's own drain.
const STOP_LIMIT: Duration = Duration::from_secs(40);
/// Age at which a token is renewed; its lifetime is 15 minutes.
const RENEWAL: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(2);
/// Attempts at a login that finds no free hashing slot.
const ATTEMPTS: usize = 100;

/// A serving process.
pub struct Running {
    process: Process,
    pub authority: Arc<str>,
    /// Path of its `live`.
    pub live: String,
    /// Time from its start to its first 200.
    pub started_in: Duration,
}

impl Running {
    /// Starts the target with `overrides` in its environment, and waits for its first 200.
    pub async fn start(planned: &Planned, overrides: &[(&str, &str)]) -> Result<Self> {
        let own = own_folder(&planned.scratch)?;
        let own = own.display().to_string();
        let mut words = planned
            .command
            .iter()
            .map(|word| word.replace("{own}", &own));
        let mut command = Command::new(words.next().context("the command is empty")?);
        command.args(words).current_dir(&planned.folder);
        command
            .envs(&planned.environment)
            .env_remove("RUST_BACKTRACE");
        command.envs(overrides.iter().copied());
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&planned.log);
        command.stderr(log.with_context(|| format!("cannot write {}", planned.log.display()))?);
        let begun = Instant::now();
        let mut process = Process::spawn(command.stdout(Stdio::piped()), STOP_LIMIT)?;
        let stdout = process.take_stdout().context("no output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // The output is read even without a receiver, so that the target never blocks on a full
                // pipe.
                let _ = sender.send(line);
            }
        });
        let url = serving(&lines, begun + START_LIMIT)
            .with_context(|| format!("the target did not start, see {}", planned.log.display()))?;
        let mut running = Self {
            process,
            authority: authority(&url)?,
            live: match planned.data {
                Some(_) => LIVE.to_owned(),
                None => "/hello/".to_owned(),
            },
            started_in: Duration::ZERO,
        };
        running.first_success(begun + START_LIMIT).await?;
        running.started_in = begun.elapsed();
        Ok(running)
    }

    /// Returns the root of the process tree.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops it, and waits for its end.
    pub fn stop(&mut self) -> Result<()> {
        self.process.stop().map(|_| ())
    }

    async fn first_success(&mut self, deadline: Instant) -> Result<()> {
        let mut connection = Connection::new(&self.authority);
        let mut message = Vec::new();
        self.live_request(&mut message);
        loop {
            match connection.send(&message).await {
                Ok(reply) if reply.status == 200 => return Ok(()),
                _ if self.process.exit_status()?.is_some() => {
                    bail!("the target exited during startup")
                }
                Ok(reply) if Instant::now() > deadline => {
                    bail!("the live check has the status {}", reply.status)
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Replaces the contents of `message` with GET live.
    pub fn live_request(&self, message: &mut Vec<u8>) {
        let request = crate::http::Request {
            method: "GET",
            path: &self.live,
            authority: &self.authority,
            bearer: None,
            body: None,
        };
        request.write(message);
    }
}

/// Creates a new folder in `scratch`.
fn own_folder(scratch: &Path) -> Result<PathBuf> {
    for number in 0_u32.. {
        let folder = scratch.join(number.to_string());
        if !folder.exists() {
            fs::create_dir_all(&folder)?;
            return Ok(folder);
        }
    }
    bail!("no free folder name in {}", scratch.display())
}

/// Returns the URL in the line `Serving URL`; lines before it are ignored.
fn serving(lines: &mpsc::Receiver<String>, deadline: Instant) -> Result<String> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = lines
            .recv_timeout(left)
            .map_err(|_| anyhow!("the target did not print its address"))?;
        if let Some(url) = line.trim().strip_prefix("Serving ") {
            return Ok(url.to_owned());
        }
    }
}

/// Token and users for requests to a target.
pub struct Session {
    pub population: Arc<Population>,
    pub admin_email: String,
    counter: Arc<AtomicU64>,
    token: Option<(String, Instant)>,
}

impl Session {
    pub fn new(population: Population, admin_email: &str) -> Self {
        Self {
            population: Arc::new(population),
            admin_email: admin_email.to_owned(),
            counter: Arc::default(),
            token: None,
        }
    }

    /// Creates the session of a target that was filled before.
    pub fn seeded(data: Option<&Data>, run: &str) -> Self {
        let population = Population {
            users: Users::Seeded(data.map_or(0, |data| data.users)),
            accounts: data.map(|data| data.accounts.clone()).unwrap_or_default(),
            password: data.map(|data| data.password.clone()).unwrap_or_default(),
            run: run.to_owned(),
        };
        let admin = data.map(|data| data.admin_email.as_str());
        Self::new(population, admin.unwrap_or_default())
    }

    /// Returns the request generator, with a token that is valid for the next measurement. A target
    /// without users gets none.
    pub async fn traffic(&mut self, authority: &Arc<str>, live: &str) -> Result<Arc<Traffic>> {
        let fresh = |(_, at): &&(String, Instant)| at.elapsed() < RENEWAL;
        let token = match self.token.as_ref().filter(fresh) {
            Some((token, _)) => token.clone(),
            None if self.admin_email.is_empty() => String::new(),
            None => self.log_in(authority, live).await?,
        };
        Ok(Arc::new(self.traffic_with(authority, live, token)))
    }

    async fn log_in(&mut self, authority: &Arc<str>, live: &str) -> Result<String> {
        let traffic = self.traffic_with(authority, live, String::new());
        let mut message = Vec::new();
        traffic.login(&self.admin_email, &self.population.password, &mut message);
        let mut connection = Connection::new(authority);
        for _ in 0..ATTEMPTS {
            let status = connection.send(&message).await?.status;
            if status == 503 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            let body = String::from_utf8_lossy(connection.body()).into_owned();
            ensure!(
                status == 200,
                "the admin's login failed with status {status}: {body}"
            );
            let token = connection.json()?;
            let token = token.get("access_token").and_then(|token| token.as_str());
            let token = token
                .context("the login response has no access_token")?
                .to_owned();
            self.token = Some((token.clone(), Instant::now()));
            return Ok(token);
        }
        bail!("the admin's login still gets 503 after {ATTEMPTS} attempts")
    }

    fn traffic_with(&self, authority: &Arc<str>, live: &str, token: String) -> Traffic {
        Traffic {
            authority: authority.clone(),
            token,
            population: self.population.clone(),
            live: live.to_owned(),
            counter: self.counter.clone(),
        }
    }
}

/// Empties the Redis of a target: nothing is cached then, not even sessions.
pub async fn flush(data: &Data) -> Result<()> {
    let mut stream = TcpStream::connect(&data.redis_address).await?;
    let commands = format!("AUTH {}\r\nFLUSHALL\r\n", data.redis_password);
    stream.write_all(commands.as_bytes()).await?;
    let mut replies = Vec::new();
    while replies.iter().filter(|byte| **byte == b'\n').count() < 2 {
        ensure!(
            stream.read_buf(&mut replies).await? > 0,
            "Redis closed the connection"
        );
    }
    let replies = String::from_utf8_lossy(&replies);
    ensure!(
        replies == "+OK\r\n+OK\r\n",
        "unexpected reply of Redis: {replies:?}"
    );
    Ok(())
}
