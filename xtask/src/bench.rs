//! `cargo xtask bench`: measures the app beside the floor of its host and beside its peers.

mod data;
mod plan;
mod targets;

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use devservices::Process;
use tokio::signal::unix::{SignalKind, signal};

use crate::cargo::{cargo, check};
use crate::host::Kind;
use crate::servers::throwaway_folder;
use crate::workspace::{root, step, target_dir};

/// Measures the app on the embedded host and on Spin, the smallest component on the same hosts, and
/// FastAPI and axum doing the same work (bench/peers), each with private servers. What is missing is
/// left out, and the report says why.
#[derive(clap::Args)]
pub struct Arguments {
    /// roster, hello, fastapi, axum; roster-spin is only the one on Spin.
    #[arg(long, value_delimiter = ',', value_name = "T,...")]
    targets: Vec<String>,
    /// Only this host of the app and of its floor; without it both, Spin if it is on the PATH.
    #[arg(long)]
    host: Option<Kind>,
    /// live, get, get-limited, get-uncached, list, patch, create, login, mix, reads-under-logins,
    /// sign-in-timing; without it all of them.
    #[arg(long, value_name = "W,...")]
    workloads: Option<String>,
    /// Connections of the closed loops; without it up to 1024, by workload.
    #[arg(long, value_name = "N,...")]
    connections: Option<String>,
    /// Length of each measurement, after a second that does not count; 5.
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Rounds, in each of which everything is measured once; 3.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// A round of a second each, over 1 and 32 connections: shows that everything works.
    #[arg(long)]
    quick: bool,
    /// Leaves out the open loops.
    #[arg(long)]
    no_open: bool,
    /// Leaves out starts and memory.
    #[arg(long)]
    no_costs: bool,
    /// Keeps the run: bench/report.md, .svg and .json, a line of bench/history.jsonl, docs/capacity.md.
    #[arg(long)]
    keep: bool,
    /// Only writes docs/capacity.md, from the run that was kept last.
    #[arg(long)]
    capacity: bool,
    /// An app that runs already. ROSTER_ADMIN_EMAIL and ROSTER_ADMIN_PASSWORD name an admin of it.
    #[arg(long, value_name = "U")]
    url: Option<String>,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    step("building the load generator");
    // With the host: a selection without it would build what they share with other features.
    check(cargo().args(["build", "--package", "bench", "--package", "devhost"]))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = measure(&arguments) => result,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut command = Command::new(target_dir().join("debug").join("bench"));
    command.args(arguments.passed_on()).stdin(Stdio::null());
    if arguments.capacity {
        return check(command.arg("--capacity").arg(root()));
    }
    if let Some(url) = &arguments.url {
        return finish(command.arg("--url").arg(url)).await;
    }
    if arguments.keep {
        command.arg("--keep").arg(root());
    }
    let folder = throwaway_folder()?;
    let prepared = plan::prepare(arguments, folder.path()).await?;
    command
        .env_remove("ROSTER_URL")
        .arg("--plan")
        .arg(&prepared.file);
    finish(&mut command).await?;
    drop(prepared);
    Ok(folder.close()?)
}

impl Arguments {
    /// The options that the load generator itself takes.
    fn passed_on(&self) -> Vec<String> {
        let mut words = Vec::new();
        let values = [
            ("--workloads", self.workloads.clone()),
            ("--connections", self.connections.clone()),
            ("--seconds", self.seconds.map(|seconds| seconds.to_string())),
            ("--rounds", self.rounds.map(|rounds| rounds.to_string())),
        ];
        for (name, value) in values {
            words.extend(value.map(|value| format!("{name}={value}")));
        }
        for (name, is_set) in [
            ("--quick", self.quick),
            ("--no-open", self.no_open),
            ("--no-costs", self.no_costs),
        ] {
            words.extend(is_set.then(|| name.to_owned()));
        }
        words
    }
}

/// Waits for the end without holding up signals.
async fn finish(command: &mut Command) -> Result<()> {
    const POLL: Duration = Duration::from_millis(50);
    // It stops what it measures, one after the other.
    const GRACE: Duration = Duration::from_secs(120);
    step("measuring");
    let mut bench = Process::spawn(command, GRACE)?;
    loop {
        match bench.exit_status()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("the measurement failed ({status})"),
            None => tokio::time::sleep(POLL).await,
        }
    }
}
