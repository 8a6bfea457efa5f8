//! A child process in its own group, stopped by signal. It does not outlive its owner, and its group
//! does not outlive it.

use std::fs;
use std::io::{PipeWriter, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Interval for polling a state without an event.
pub(crate) const POLL: Duration = Duration::from_millis(20);
/// Longest wait for processes to end after SIGKILL: no signal reaches one that is left then.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Shorter, because a killed process ends sooner than a stopping one.
const KILLED_POLL: Duration = Duration::from_millis(1);

/// A running child. Dropping it stops it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    watchdog: Child,
    /// Closes when this process ends, in any way: signals the watchdog to stop the child.
    lifeline: Option<PipeWriter>,
    signal: Signal,
    grace: Duration,
    paused: bool,
    group_ended: bool,
}

impl Process {
    /// Starts `command` in its own process group, so that Ctrl-C in the terminal does not reach it, and
    /// without standard input. It is stopped with SIGTERM, and with SIGKILL after `grace`.
    pub fn spawn(command: &mut Command, grace: Duration) -> Result<Self> {
        Self::spawn_with(command, Signal::SIGTERM, grace)
    }

    /// As `spawn`, with the signal that stops the program.
    pub(crate) fn spawn_with(
        command: &mut Command,
        signal: Signal,
        grace: Duration,
    ) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        match watch(child.id(), signal) {
            Ok((watchdog, lifeline)) => Ok(Self {
                child,
                watchdog,
                lifeline: Some(lifeline),
                signal,
                grace,
                paused: false,
                group_ended: false,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the child's piped standard output, once.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Returns the ids of the child and of its children, which may do the child's work.
    pub fn ids(&self) -> Result<Vec<u32>> {
        let mut ids = children(self.id())?;
        ids.insert(0, self.id());
        Ok(ids)
    }

    /// Returns the exit status of the child once it has ended. The rest of its group has ended then,
    /// too.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.end_group()?;
        }
        Ok(status)
    }

    /// Stops the child, waits, and kills its group after the grace period. A no-op once it has ended.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.stop_by(self.signal)
    }

    /// As `stop`, with another signal.
    pub(crate) fn stop_by(&mut self, signal: Signal) -> Result<ExitStatus> {
        if self.paused {
            self.resume()?;
        }
        if self.exit_status()?.is_none() {
            self.send(signal)?;
            if self.wait(self.grace)?.is_none() {
                self.kill_group()?;
            }
        }
        let status = self.child.wait()?;
        self.end_group()?;
        self.dismiss_watchdog()?;
        Ok(status)
    }

    /// Kills the child, its children and its group with SIGKILL, and returns when none is left. A no-op
    /// once it has ended.
    pub fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            // Stopped first, so that no new children are missed.
            self.send(Signal::SIGSTOP)?;
            self.send_children(Signal::SIGKILL, ENDED)?;
            self.kill_group()?;
            self.child.wait()?;
            self.end_group()?;
        }
        self.paused = false;
        self.dismiss_watchdog()
    }

    /// Sends SIGHUP, on which servers reload their configuration.
    pub fn hang_up(&self) -> Result<()> {
        self.send(Signal::SIGHUP)
    }

    /// Waits up to `limit` for the child to end by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.exit_status()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            sleep(POLL);
        }
    }

    /// Freezes the child and its children: connections stay open but nothing responds.
    pub fn pause(&mut self) -> Result<()> {
        // The parent first, so that no new children are missed.
        self.send(Signal::SIGSTOP)?;
        self.paused = true;
        self.send_children(Signal::SIGSTOP, STOPPED)
    }

    /// Undoes `pause`.
    pub fn resume(&mut self) -> Result<()> {
        send_each(&children(self.child.id())?, Signal::SIGCONT)?;
        self.send(Signal::SIGCONT)?;
        self.paused = false;
        Ok(())
    }

    /// Sends a signal to the child.
    fn send(&self, signal: Signal) -> Result<()> {
        let pid = pid(self.child.id())?;
        kill(pid, signal).with_context(|| format!("cannot send {signal} to process {pid}"))
    }

    /// Sends a signal to the children of the stopped child, until all are in one of these states. Repeated,
    /// because the child may fork until its stop takes effect, and because the kernel's list of children may
    /// omit some while others end. Gives up after [`KILL_LIMIT`]: no signal reaches those that are left then.
    fn send_children(&self, signal: Signal, states: &[char]) -> Result<()> {
        let has_reached =
            |id, states: &[char]| state(id).is_none_or(|state| states.contains(&state));
        let deadline = Instant::now() + KILL_LIMIT;
        loop {
            let no_more_come = has_reached(self.child.id(), STOPPED);
            let mut left = children(self.child.id())?;
            left.retain(|child| !has_reached(*child, states));
            if no_more_come && left.is_empty() || Instant::now() >= deadline {
                return Ok(());
            }
            send_each(&left, signal)?;
            sleep(KILLED_POLL);
        }
    }

    /// Kills the rest of the group, once: its id may be reused later.
    fn end_group(&mut self) -> Result<()> {
        if self.group_ended {
            return Ok(());
        }
        self.kill_group()?;
        let deadline = Instant::now() + KILL_LIMIT;
        let group = pid(self.child.id())?;
        while killpg(group, None).is_ok() && Instant::now() < deadline {
            sleep(POLL);
        }
        self.group_ended = true;
        Ok(())
    }

    fn kill_group(&self) -> Result<()> {
        let group = pid(self.child.id())?;
        match killpg(group, Signal::SIGKILL) {
            // None is left or, on macOS, only processes that have ended but were not waited for.
            Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => Ok(()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot kill the process group {group}"))
            }
        }
    }

    fn dismiss_watchdog(&mut self) -> Result<()> {
        self.watchdog.kill()?;
        self.watchdog.wait()?;
        self.lifeline = None;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error cannot be handled here.
        let _ = self.stop();
    }
}

/// Starts a shell that signals the group of `target` when this process is gone. Servers are in groups
/// of their own, so nothing else would end them when a test runner kills a test at its time limit.
fn watch(target: u32, signal: Signal) -> Result<(Child, PipeWriter)> {
    let (reader, writer) = pipe()?;
    let name = signal.as_str().trim_start_matches("SIG");
    let watchdog = Command::new("/bin/sh")
        .args([
            "-c",
            "read -r _; kill -s \"$1\" -- \"-$2\"",
            "watchdog",
            name,
        ])
        .arg(target.to_string())
        .process_group(0)
        .current_dir("/")
        .stdin(reader)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start /bin/sh")?;
    Ok((watchdog, writer))
}

/// Returns the ids of the direct children. Postgres gives each a session, so they are not in the
/// process group.
fn children(parent: u32) -> Result<Vec<u32>> {
    let proc = format!("/proc/{parent}/task/{parent}/children");
    if let Ok(list) = fs::read_to_string(proc) {
        return Ok(list
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect());
    }
    let output = Command::new("ps")
        .args(["-A", "-o", "pid=,ppid="])
        .output()
        .context("cannot run `ps`")?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.trim().split_once(char::is_whitespace))
        .filter(|(_, of)| of.trim().parse() == Ok(parent))
        .filter_map(|(id, _)| id.parse().ok())
        .collect())
}

/// Sends a signal to each process; any may have ended.
fn send_each(ids: &[u32], signal: Signal) -> Result<()> {
    for id in ids {
        let _ = kill(pid(*id)?, signal);
    }
    Ok(())
}

/// Returns the command line of a process; `None` when it does not exist.
pub(crate) fn command_line(id: u32) -> Option<String> {
    if let Ok(words) = fs::read(format!("/proc/{id}/cmdline")) {
        return Some(String::from_utf8_lossy(&words).replace('\0', " "));
    }
    let output = Command::new("ps")
        .args(["-o", "command=", "-p", &id.to_string()])
        .output()
        .ok()?;
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!line.is_empty()).then_some(line)
}

/// States of a process that has ended and waits for its parent.
const ENDED: &[char] = &['Z', 'X'];
/// States of a process that runs no more until it gets SIGCONT, or has ended.
const STOPPED: &[char] = &['T', 't', 'Z', 'X'];

/// Returns the first letter of the state, as `ps` shows it; `None` for a process that is gone.
fn state(id: u32) -> Option<char> {
    match fs::read_to_string(format!("/proc/{id}/stat")) {
        // The name before the state may contain any character.
        Ok(stat) => stat.rsplit_once(") ")?.1.chars().next(),
        Err(_) if fs::exists("/proc/self/stat").unwrap_or_default() => None,
        Err(_) => {
            let id = id.to_string();
            let output = Command::new("ps")
                .args(["-o", "state=", "-p", &id])
                .output();
            String::from_utf8_lossy(&output.ok()?.stdout)
                .trim()
                .chars()
                .next()
        }
    }
}

/// Sends SIGINT to a process that is not a child.
pub(crate) fn interrupt(id: u32) -> Result<()> {
    kill(pid(id)?, Signal::SIGINT).with_context(|| format!("cannot stop process {id}"))
}

fn pid(id: u32) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(id)?))
}
