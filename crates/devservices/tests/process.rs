//! Processes whose children do the work, as in Spin.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use devservices::Process;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longer than any machine needs to stop a shell, so that no test fails for lack of time.
const GRACE: Duration = Duration::from_secs(60);

/// A shell with a child that outlives it, and the child's id.
fn parent(trap: &str) -> Result<(Process, Pid)> {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{trap}; sleep 600 & echo $!; wait"));
    let mut process = Process::spawn(command.stdout(Stdio::piped()), GRACE)?;
    let mut line = String::new();
    BufReader::new(process.take_stdout().context("no output")?).read_line(&mut line)?;
    let child = line.trim().parse()?;
    assert_eq!(process.ids()?, [process.id(), child]);
    Ok((process, Pid::from_raw(i32::try_from(child)?)))
}

/// Returns true if the orphan has ended. Nobody waits for it, so it may stay in the process table.
fn has_ended(id: Pid) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    kill(id, None) == Err(Errno::ESRCH) || state.contains(") Z ")
}

#[test]
fn stopping_the_parent_ends_its_child() -> Result<()> {
    let (mut process, child) = parent("true")?;
    process.stop()?;
    assert!(has_ended(child));
    Ok(())
}

#[test]
fn waiting_for_a_killed_parent_ends_its_child() -> Result<()> {
    let (mut process, child) = parent("true")?;
    kill(Pid::from_raw(i32::try_from(process.id())?), Signal::SIGKILL)?;
    process.wait(GRACE)?.context("the shell still runs")?;
    assert!(has_ended(child));
    process.stop()?;
    Ok(())
}

#[test]
fn killing_ends_parent_and_child() -> Result<()> {
    let (mut process, child) = parent("trap '' TERM")?;
    process.kill()?;
    assert!(has_ended(child));
    Ok(())
}

/// Children with sessions of their own are in no group that a signal reaches. Those of a parent that forks one
/// after the other, as Postgres does for each connection, are all killed.
#[cfg(target_os = "linux")]
#[test]
fn killing_ends_children_that_start_meanwhile() -> Result<()> {
    // Perl is where git is.
    const FORKS: &str =
        r#"$| = 1; for (1 .. 500) { if (!fork) { setsid; sleep 600 } print "\n" } sleep"#;
    for attempt in 0..10 {
        let marker = format!("{}-{attempt}", std::process::id());
        let mut command = Command::new("perl");
        command.args(["-MPOSIX=setsid", "-e", FORKS, &marker]);
        let mut process = Process::spawn(command.stdout(Stdio::piped()), GRACE)?;
        let output = process.take_stdout().context("no output")?;
        let mut forks = BufReader::new(output).lines();
        for _ in 0..20 {
            forks.next().context("no fork")??;
        }
        process.kill()?;
        let left = running(&marker)?;
        for id in &left {
            kill(*id, Signal::SIGKILL)?;
        }
        assert!(left.is_empty(), "{left:?} of attempt {attempt} still run");
    }
    Ok(())
}

/// Returns the processes with this word in their command line.
#[cfg(target_os = "linux")]
fn running(word: &str) -> Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Ok(id) = name.to_string_lossy().parse() else {
            continue;
        };
        // Empty for a process that has ended.
        let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(word) {
            found.push(Pid::from_raw(id));
        }
    }
    Ok(found)
}
