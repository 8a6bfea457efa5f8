//! Host of the app as a process: `spin up`, or the embedded one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::process::Process;

/// Includes compiling the components.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longer than the host's own drain.
const STOP_LIMIT: Duration = Duration::from_secs(40);
/// Wait between the end of a host's output and its exit.
const LOG_DRAIN_TIME: Duration = Duration::from_secs(1);

/// Limit of Spin and the embedded host on live instances. A burst of requests starts an instance each,
/// and one beyond the limit fails with 500; by default it is 1,000. No gateway bounds the connections
/// of a host on a developer's machine, or in a test.
pub const INSTANCE_LIMIT: (&str, &str) = ("SPIN_MAX_INSTANCE_COUNT", "4096");

/// A program that serves the app.
#[derive(Clone, Debug)]
pub enum HostProgram {
    /// The embedded host.
    Embedded(PathBuf),
    /// Spin: a name on the PATH, or a path.
    Spin(PathBuf),
}

/// Options of a host.
pub struct HostOptions<'a> {
    pub manifest: &'a Path,
    /// Port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Folder of this host alone: Spin keeps its state, logs and working files in it.
    pub folder: &'a Path,
    /// Folder of the embedded host for compiled components; Spin has its own.
    pub cache: Option<&'a Path>,
    /// Gets the standard error of the host and its components; `None` when this process's does.
    pub log: Option<File>,
}

/// A running host. Dropping it completes the requests in flight, as far as the host does that, and
/// stops it.
#[derive(Debug)]
pub struct HostProcess {
    /// The process, which for Spin is the parent of the one that serves.
    pub process: Process,
    /// `http://address:port`
    pub url: String,
    lines: Receiver<String>,
    reloads: bool,
}

impl HostProcess {
    /// Starts a host with `environment` and waits until it listens.
    pub fn start(
        program: &HostProgram,
        options: HostOptions<'_>,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Result<Self> {
        let mut command = match program {
            HostProgram::Embedded(path) => embedded(path, &options),
            HostProgram::Spin(path) => spin(path, &options)?,
        };
        if std::env::var_os(INSTANCE_LIMIT.0).is_none() {
            command.env(INSTANCE_LIMIT.0, INSTANCE_LIMIT.1);
        }
        command.envs(environment).stdout(Stdio::piped());
        if let Some(log) = options.log {
            command.stderr(log);
        }
        let mut process = Process::spawn(&mut command, STOP_LIMIT)?;
        let stdout = process
            .take_stdout()
            .context("the output of the host is not piped")?;
        let lines = follow(stdout);
        Ok(Self {
            url: address(&lines, &mut process)?,
            process,
            lines,
            reloads: matches!(program, HostProgram::Embedded(_)),
        })
    }

    /// Makes the embedded host reload manifest and components; `reloaded` reports the outcome.
    pub fn reload(&self) -> Result<()> {
        if !self.reloads {
            bail!("Spin cannot reload");
        }
        self.process.hang_up()
    }

    /// Returns the outcome of a reload, `None` while it is under way. False when the host failed,
    /// reported why, and still serves the previous application.
    pub fn reloaded(&self) -> Result<Option<bool>> {
        match self.lines.try_recv() {
            Ok(line) => Ok(Some(line == "Reloaded")),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => bail!("the host exited during a reload"),
        }
    }
}

fn embedded(program: &Path, options: &HostOptions<'_>) -> Command {
    let mut command = Command::new(program);
    command.arg("--manifest").arg(options.manifest);
    command.arg("--listen").arg(options.listen.to_string());
    if let Some(folder) = options.cache {
        command.arg("--cache").arg(folder);
    }
    command
}

/// Sets folders of its own: by default Spin writes beside spin.toml, in the way of another one. Spin
/// copies its components' output to standard error, but requires a log folder.
fn spin(program: &Path, options: &HostOptions<'_>) -> Result<Command> {
    let mut command = Command::new(program);
    command.arg("up").arg("--from").arg(options.manifest);
    command.arg("--listen").arg(options.listen.to_string());
    for (flag, name) in [
        ("--state-dir", "state"),
        ("--log-dir", "logs"),
        ("--temp", "work"),
    ] {
        let folder = options.folder.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        command.arg(flag).arg(folder);
    }
    Ok(command)
}

/// Returns the lines of the output. It is read to its end even if nobody receives the lines, so that
/// the host never writes to a full or closed pipe.
fn follow(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// Waits for the line with the host's address. Spin prints other lines around it.
fn address(lines: &Receiver<String>, process: &mut Process) -> Result<String> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                if let Some(url) = line.trim().strip_prefix("Serving ") {
                    return Ok(url.to_owned());
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("the host did not print its address within {START_LIMIT:?}")
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(match process.wait(LOG_DRAIN_TIME)? {
                    Some(status) => anyhow!("the host exited during startup ({status})"),
                    None => anyhow!("the host closed its output before it listened"),
                });
            }
        }
    }
}
