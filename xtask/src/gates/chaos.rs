//! `cargo xtask chaos`: breaks servers and hosts on purpose and counts lost changes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use devservices::Program;
use tokio::signal::unix::{SignalKind, signal};

use crate::dev::host::{Kind, Program as Host, devhost_path};
use crate::dev::servers::{install_missing, throwaway_folder};
use crate::gates::test_runner::Running;
use crate::tools::build;
use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::{reports_dir, root, step, target_dir};

/// Kills, freezes and fills private servers and hosts while clients make changes, then counts lost,
/// phantom and duplicate changes; leaves target/reports/chaos.md and chaos.json.
#[derive(clap::Args)]
pub struct Arguments {
    /// Seed of the schedule; the same seed repeats it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Host: the embedded one, or the Spin on PATH.
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,
    /// Minimum number of kills.
    #[arg(long, value_name = "N", default_value_t = 40)]
    kills: u64,
    /// Minimum number of acknowledged changes.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    writes: u64,
    /// Maximum seconds of faults in each of the two stages.
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
    /// Requires at least 1,000 kills, 100,000 changes and 40 full disks within an hour; late responses and
    /// recoveries fail, too.
    #[arg(long)]
    long: bool,
    /// Copies the report to bench/.
    #[arg(long)]
    keep: bool,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    if arguments.host == Kind::Spin {
        Host::prepare(Kind::Spin)?;
    }
    build::components()?;
    step("building the chaos run");
    check(cargo().args(["build", "--workspace", "--bins"]))?;
    install_missing(&[Program::Postgres, Program::Redis])?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let clocks = throwaway_folder()?;
    let status = tokio::select! {
        status = start(&arguments, clocks.path())?.wait() => status?,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    };
    if arguments.keep {
        for name in ["chaos.md", "chaos.json"] {
            fs::copy(reports_dir()?.join(name), root().join("bench").join(name))?;
        }
    }
    if !status.success() {
        bail!("the chaos run failed ({status})");
    }
    Ok(())
}

fn start(arguments: &Arguments, clocks: &Path) -> Result<Running> {
    let mut command = Command::new(target_dir().join("debug").join("chaos"));
    let (kills, writes, seconds, full_disks) = match arguments.long {
        true => (
            arguments.kills.max(1_000),
            arguments.writes.max(100_000),
            3_300,
            40,
        ),
        false => (arguments.kills, arguments.writes, arguments.seconds, 4),
    };
    for (name, value) in [
        ("--seed", arguments.seed),
        ("--kills", kills),
        ("--writes", writes),
        ("--seconds", seconds),
        ("--full-disks", full_disks),
    ] {
        command.arg(name).arg(value.to_string());
    }
    if arguments.long {
        command.arg("--in-time");
    }
    command.arg("--reports").arg(reports_dir()?);
    command.env("ROSTER_COMMIT", commit()?);
    command.env("ROSTER_HOST", arguments.host.name());
    let with_a_clock = match arguments.host {
        Kind::Embedded => host_with_a_clock(clocks)?,
        Kind::Spin => None,
    };
    match with_a_clock {
        Some(host) => command
            .env("ROSTER_DEVHOST", host)
            .env("ROSTER_CLOCKS", clocks),
        None => command.env("ROSTER_DEVHOST", devhost_path()),
    };
    command.stdin(Stdio::null());
    step("injecting faults");
    Running::start(&mut command)
}

/// A program that starts the host with a clock of its own, which a file in `clocks` moves; `None` when
/// libfaketime (a Debian package of this name) is not installed.
fn host_with_a_clock(clocks: &Path) -> Result<Option<PathBuf>> {
    let Some(library) = libfaketime() else {
        return Ok(None);
    };
    let devhost = devhost_path();
    // Beside the host, because the cache of compiled components is found there.
    let program = devhost.with_file_name("devhost-with-clock");
    let script = format!(
        "#!/bin/sh\n\
         clock=\"{}/$SPIN_VARIABLE_HOST_ID\"\n\
         [ -e \"$clock\" ] || echo +0 > \"$clock\"\n\
         export FAKETIME_TIMESTAMP_FILE=\"$clock\" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1\n\
         LD_PRELOAD=\"{}\" exec \"{}\" \"$@\"\n",
        clocks.display(),
        library.display(),
        devhost.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    Ok(Some(program))
}

fn libfaketime() -> Option<PathBuf> {
    let folders = Path::new("/usr/lib").read_dir().ok()?.flatten();
    let folders = folders
        .map(|entry| entry.path())
        .chain([PathBuf::from("/usr/lib64")]);
    folders
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
}

/// Commit of the report.
fn commit() -> Result<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .current_dir(root())
        .output()
        .context("cannot run git")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
