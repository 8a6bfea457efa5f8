//! A private Postgres server.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::Signal;

use crate::account::Account;
use crate::binaries::{self, PostgresBinaries};
use crate::port::free_port;
use crate::process::{POLL, Process, command_line, interrupt};
use crate::secret::persistent_secret;

/// Superuser that `initdb` creates, and a database that always exists.
const ADMIN: &str = "postgres";
/// Includes recovery after a crash.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// Attempts, because a port may be taken between its choice and the server's bind.
const START_ATTEMPTS: usize = 5;

/// Durability of a server's data.
#[derive(Clone, Copy, Debug)]
pub struct PostgresOptions {
    /// True when a commit survives a power cut. False is faster, for data that a test throws away.
    pub durable: bool,
}

/// A running server on 127.0.0.1 with password authentication. Dropping it stops it.
pub struct Postgres {
    dir: PathBuf,
    binaries: PostgresBinaries,
    account: Account,
    options: PostgresOptions,
    password: String,
    port: u16,
    process: Option<Process>,
}

impl Postgres {
    /// Starts a server on a free port with its data in `dir`. An empty `dir` is initialized, and then
    /// belongs to the server's account. A server that still runs on `dir` is stopped first. Returns
    /// when connections are accepted.
    pub fn start(dir: &Path, options: PostgresOptions) -> Result<Self> {
        let account = Account::for_servers()?;
        account.prepare(dir)?;
        let dir = dir.canonicalize()?;
        let binaries = choose_binaries(&dir.join("data"))?;
        let password_file = dir.join("password");
        let password = persistent_secret(&password_file)?;
        account.own(&password_file)?;
        let mut server = Self {
            dir,
            binaries,
            account,
            options,
            password,
            port: 0,
            process: None,
        };
        server.init()?;
        server.stop_predecessor()?;
        for _ in 1..START_ATTEMPTS {
            server.port = free_port()?;
            match server.start_again() {
                Err(error) if port_was_taken(&error) => {}
                result => return result.map(|()| server),
            }
        }
        server.port = free_port()?;
        server.start_again()?;
        Ok(server)
    }

    /// Returns the superuser's URL for one of the server's databases; `postgres` always exists.
    pub fn url(&self, database: &str) -> String {
        let (user, password) = (self.user(), self.password());
        let authority = format!("{user}:{password}@{}:{}", self.host(), self.port);
        format!("postgres://{authority}/{database}?sslmode=disable")
    }

    /// Address that it listens on.
    pub fn host(&self) -> &str {
        "127.0.0.1"
    }

    /// Port, which stays the same until the value is dropped.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Name of the superuser.
    pub fn user(&self) -> &str {
        ADMIN
    }

    /// Password of the superuser, lower-case hex.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Ends every session, writes everything to disk and stops. A no-op if it is stopped.
    pub fn stop(&mut self) -> Result<()> {
        self.stop_by(Signal::SIGINT)
    }

    /// Stops like a crash: sessions break off and the next start recovers from the log.
    pub fn crash(&mut self) -> Result<()> {
        self.stop_by(Signal::SIGQUIT)
    }

    /// Kills the server and all its sessions with SIGKILL, which none of them can handle.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Starts on the same port and data after `stop`, `crash` or `kill`, or if the server has ended by
    /// itself.
    pub fn start_again(&mut self) -> Result<()> {
        if let Some(process) = &mut self.process {
            if process.exit_status()?.is_none() {
                return Ok(());
            }
            self.process = None;
        }
        let mut process = Process::spawn_with(&mut self.command()?, Signal::SIGINT, STOP_LIMIT)?;
        let deadline = Instant::now() + START_LIMIT;
        while !self.is_ready(process.id()) {
            if let Some(status) = process.exit_status()? {
                bail!(
                    "Postgres exited during startup ({status}):\n{}",
                    self.log_tail()
                );
            }
            if Instant::now() >= deadline {
                let seconds = START_LIMIT.as_secs();
                bail!(
                    "Postgres is not ready after {seconds} s:\n{}",
                    self.log_tail()
                );
            }
            sleep(POLL);
        }
        self.process = Some(process);
        Ok(())
    }

    /// `stop` and `start_again`.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Freezes the server: connections stay open, new ones are accepted, but nothing responds.
    pub fn pause(&mut self) -> Result<()> {
        self.running()?.pause()
    }

    /// Undoes `pause`.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.resume()
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("Postgres is stopped")
    }

    fn stop_by(&mut self, signal: Signal) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop_by(signal).map(|_| ()),
            None => Ok(()),
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.bin.join(name));
        self.account.apply(&mut command).current_dir(&self.dir);
        command
    }

    fn init(&self) -> Result<()> {
        let data = self.data();
        if data.join("PG_VERSION").exists() {
            return Ok(());
        }
        // Prepared aside and renamed, so that an interrupted run leaves no incomplete server.
        let fresh = self.dir.join("data.new");
        let mut failure = String::new();
        // Sorting and letter case follow Unicode if the machine has the locale.
        for locale in ["--locale=C.UTF-8", "--no-locale"] {
            if fresh.exists() {
                fs::remove_dir_all(&fresh)?;
            }
            let mut command = self.program("initdb");
            command.arg("--pgdata").arg(&fresh);
            command.args([
                "--username",
                ADMIN,
                "--encoding=UTF8",
                "--auth=scram-sha-256",
            ]);
            command
                .arg(locale)
                .arg("--pwfile")
                .arg(self.dir.join("password"));
            if !self.options.durable {
                command.arg("--no-sync");
            }
            let output = command
                .stdin(Stdio::null())
                .output()
                .context("cannot run initdb")?;
            if output.status.success() {
                return fs::rename(&fresh, &data).context("cannot move the new data folder");
            }
            failure = String::from_utf8_lossy(&output.stderr).into_owned();
        }
        bail!("initdb failed:\n{failure}")
    }

    fn command(&self) -> Result<Command> {
        let log = self.open_log()?;
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        command.args(["-h", self.host(), "-p", &self.port.to_string()]);
        let mut settings = vec!["unix_socket_directories=", "max_connections=200"];
        if !self.options.durable {
            settings.extend([
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
            ]);
        }
        for setting in settings {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    fn open_log(&self) -> Result<File> {
        let path = self.log_path();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines.len().saturating_sub(10);
        lines.get(tail..).unwrap_or_default().join("\n")
    }

    /// Returns true if the lock file reports that connections are accepted, which pg_ctl reads, too.
    fn is_ready(&self, id: u32) -> bool {
        LockFile::read(&self.data()).is_some_and(|lock| lock.id == id && lock.ready)
    }

    /// Stops a server that a killed owner left on the data: two cannot share them.
    fn stop_predecessor(&self) -> Result<()> {
        let data = self.data();
        let Some(lock) = LockFile::read(&data) else {
            return Ok(());
        };
        let is_server = command_line(lock.id).is_some_and(|line| {
            line.contains("postgres") && line.contains(&*data.to_string_lossy())
        });
        if is_server {
            interrupt(lock.id)?;
            let deadline = Instant::now() + STOP_LIMIT;
            while LockFile::read(&data).is_some() {
                if Instant::now() >= deadline {
                    bail!("the Postgres that uses {} did not stop", data.display());
                }
                sleep(POLL);
            }
            return Ok(());
        }
        // After a reboot the id may belong to another process, which would keep the server from
        // starting.
        fs::remove_file(LockFile::path(&data)).context("cannot remove a stale postmaster.pid")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An error cannot be handled here.
        let _ = self.stop();
    }
}

/// Contents of postmaster.pid: the process id in line 1, the state in line 8.
struct LockFile {
    id: u32,
    ready: bool,
}

impl LockFile {
    fn path(data: &Path) -> PathBuf {
        data.join("postmaster.pid")
    }

    fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(Self::path(data)).ok()?;
        Some(Self {
            id: text.lines().next()?.trim().parse().ok()?,
            ready: text
                .lines()
                .nth(7)
                .is_some_and(|state| state.trim() == "ready"),
        })
    }
}

/// Returns the newest installation, or the one that created the data.
fn choose_binaries(data: &Path) -> Result<PostgresBinaries> {
    let mut found = binaries::postgres().into_iter();
    let Ok(version) = fs::read_to_string(data.join("PG_VERSION")) else {
        return found
            .next()
            .ok_or_else(|| anyhow!("Postgres is not installed"));
    };
    let version = version.trim();
    found
        .find(|binaries| binaries.major.to_string() == version)
        .with_context(|| {
            let data = data.display();
            format!("{data} was created by Postgres {version}, which is not installed")
        })
}

fn port_was_taken(error: &anyhow::Error) -> bool {
    error.to_string().contains("Address already in use")
}

#[cfg(test)]
mod tests {
    use super::LockFile;

    #[test]
    fn reads_the_lock_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(LockFile::read(dir.path()).is_none());
        let starting = "4711\n/data\n1700000000\n20001\n\n127.0.0.1\n  123   456\nstarting\n";
        std::fs::write(LockFile::path(dir.path()), starting).unwrap();
        let lock = LockFile::read(dir.path()).unwrap();
        assert_eq!((lock.id, lock.ready), (4711, false));
        std::fs::write(
            LockFile::path(dir.path()),
            starting.replace("starting", "ready   "),
        )
        .unwrap();
        assert!(LockFile::read(dir.path()).unwrap().ready);
    }
}
