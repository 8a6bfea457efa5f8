//! The host of the app as a process: `spin up`, or the embedded one.

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

/// Compiling the components is part of a start.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longer than the host's own drain.
const STOP_LIMIT: Duration = Duration::from_secs(40);
/// Between the end of a host's output and its own end.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    /// With port 0 the system chooses one.
    pub listen: SocketAddr,
    /// A folder of this host's own: Spin keeps its state, logs and working files in it.
    pub folder: &'a Path,
    /// Folder of the embedded host for compiled components; Spin has a place of its own.
    pub cache: Option<&'a Path>,
    /// Gets what the host and its components write to standard error; else this process's does.
    pub log: Option<File>,
}

/// A running host. Dropping it lets it answer what it has begun, as far as it does that, and stops it.
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
    /// Starts a host that has `environment` and waits until it listens.
    pub fn start(
        program: &HostProgram,
        options: HostOptions<'_>,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Result<Self> {
        let mut command = match program {
            HostProgram::Embedded(path) => embedded(path, &options),
            HostProgram::Spin(path) => spin(path, &options)?,
        };
        command.envs(environment).stdout(Stdio::piped());
        if let Some(log) = options.log {
            command.stderr(log);
        }
        let mut process = Process::spawn(&mut command, STOP_LIMIT)?;
        let stdout = process.take_stdout().context("the host has no output")?;
        let lines = follow(stdout);
        Ok(Self {
            url: address(&lines, &mut process)?,
            process,
            lines,
            reloads: matches!(program, HostProgram::Embedded(_)),
        })
    }

    /// Has the embedded host load manifest and components again; `reloaded` says how that went.
    pub fn reload(&self) -> Result<()> {
        if !self.reloads {
            bail!("Spin does not reload");
        }
        self.process.hang_up()
    }

    /// The outcome of a reload, None while it goes on. False when the host could not, said why, and
    /// serves what it served before.
    pub fn reloaded(&self) -> Result<Option<bool>> {
        match self.lines.try_recv() {
            Ok(line) => Ok(Some(line == "Reloaded")),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => bail!("the host ended while it reloaded"),
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

/// Without a folder of its own a Spin would write beside spin.toml, where another one does. It copies
/// its components' output to standard error; a log folder it must have.
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

/// The lines of the output, which is read to its end even when they are not, so that the host never
/// writes into a full or a closed pipe.
fn follow(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// Waits for the line that says where the host listens. Spin prints others around it.
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
                bail!("the host did not say where it listens within {START_LIMIT:?}")
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(match process.wait(LAST_WORDS)? {
                    Some(status) => anyhow!("the host ended at start ({status})"),
                    None => anyhow!("the host closed its output before it listened"),
                });
            }
        }
    }
}
