//! A private Redis (or Valkey) server: a cache without persistence.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::account::Account;
use crate::binaries;
use crate::port::free_port;
use crate::process::{POLL, Process};
use crate::secret::write_private;

const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Attempts, because a port may be taken between its choice and the server's bind.
const START_ATTEMPTS: usize = 5;

/// Options of a server.
#[derive(Clone, Default)]
pub struct RedisOptions {
    /// Password of the user `default`, without spaces or quotes; `None` when none is required.
    pub password: Option<String>,
}

/// A running server on 127.0.0.1. Dropping it stops it.
pub struct Redis {
    dir: PathBuf,
    program: PathBuf,
    account: Account,
    options: RedisOptions,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Starts a server on a free port with its log and configuration in `dir`, which then belongs to
    /// the server's account. Returns when it replies.
    pub fn start(dir: &Path, options: RedisOptions) -> Result<Self> {
        let account = Account::for_servers()?;
        account.prepare(dir)?;
        let mut server = Self {
            dir: dir.canonicalize()?,
            program: binaries::redis().context("Redis is not installed")?,
            account,
            options,
            port: 0,
            process: None,
        };
        for _ in 1..START_ATTEMPTS {
            server.port = free_port()?;
            match server.start_again() {
                Err(error) if error.to_string().contains("Address already in use") => {}
                result => return result.map(|()| server),
            }
        }
        server.port = free_port()?;
        server.start_again()?;
        Ok(server)
    }

    /// `redis://[:password@]127.0.0.1:port`, the password percent-encoded.
    pub fn url(&self) -> String {
        let credentials = match self.password() {
            Some(password) => format!(":{}@", utf8_percent_encode(password, NON_ALPHANUMERIC)),
            None => String::new(),
        };
        format!("redis://{credentials}{}:{}", self.host(), self.port)
    }

    /// Address that it listens on.
    pub fn host(&self) -> &str {
        "127.0.0.1"
    }

    /// Port, which stays the same until the value is dropped.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Password of the user `default`; `None` when none is required.
    pub fn password(&self) -> Option<&str> {
        self.options.password.as_deref()
    }

    /// Stops and loses all data. A no-op if it is stopped.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Starts on the same port after `stop` or `kill`, empty.
    pub fn start_again(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let mut process = Process::spawn(&mut self.command()?, STOP_LIMIT)?;
        let deadline = Instant::now() + START_LIMIT;
        while !self.is_ready() {
            if let Some(status) = process.exit_status()? {
                bail!("Redis exited during startup ({status}):\n{}", self.log());
            }
            if Instant::now() >= deadline {
                let seconds = START_LIMIT.as_secs();
                bail!("Redis does not respond after {seconds} s:\n{}", self.log());
            }
            sleep(POLL);
        }
        // Another server may hold the port and have replied in its place.
        if let Some(status) = process.wait(POLL)? {
            bail!("Redis exited during startup ({status}):\n{}", self.log());
        }
        self.process = Some(process);
        Ok(())
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
        self.process.as_mut().context("Redis is stopped")
    }

    fn command(&self) -> Result<Command> {
        // In a file, because a command line, with the password in it, is readable by everyone.
        let config = self.dir.join("redis.conf");
        let mut text = format!(
            "bind {}\nport {}\ndaemonize no\nsave \"\"\nappendonly no\n\
             maxmemory 64mb\nmaxmemory-policy allkeys-lru\n",
            self.host(),
            self.port
        );
        if let Some(password) = self.password() {
            text.push_str(&format!("requirepass {password}\n"));
        }
        write_private(&config, &text)?;
        self.account.own(&config)?;
        let log = File::create(self.log_path()).context("cannot write the log of Redis")?;
        let mut command = Command::new(&self.program);
        self.account.apply(&mut command).current_dir(&self.dir);
        command.arg(&config).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Returns true for `+PONG` and for a request for the password, but not for `-LOADING`.
    fn is_ready(&self) -> bool {
        let ping = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut reply = [0; 7];
            stream.read_exact(&mut reply)?;
            Ok(reply == *b"+PONG\r\n" || reply.starts_with(b"-NOAUTH"))
        };
        ping().unwrap_or(false)
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}
