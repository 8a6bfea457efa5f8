//! `cargo xtask bench`: measures the app beside the floor of its host and beside its peers.

mod data;
mod plan;
mod targets;

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use devservices::Process;
use tokio::signal::unix::{SignalKind, signal};

use crate::dev::host::Kind;
use crate::dev::servers::throwaway_folder;
use crate::tools::build;
use crate::tools::cargo::check;
use crate::tools::workspace::{root, step, target_dir};

/// Measures the app on the embedded host and on Spin, the smallest component on the same hosts, and
/// FastAPI and axum doing the same work (bench/peers), each with private servers. Missing targets are
/// left out; the report states the reason.
#[derive(clap::Args)]
pub struct Arguments {
    /// Targets: roster, hello, fastapi, axum; roster-spin is the app on Spin only.
    #[arg(long, value_delimiter = ',', value_name = "T,...")]
    targets: Vec<String>,
    /// Measures the app and its floor on this host only; default: both, Spin if it is on the PATH.
    #[arg(long)]
    host: Option<Kind>,
    /// Workloads: live, get, get-limited, get-uncached, list, patch, create, login, mix,
    /// reads-under-logins, sign-in-timing; default: all.
    #[arg(long, value_name = "W,...")]
    workloads: Option<String>,
    /// Connections of the closed loops; default: up to 1024, depending on the workload.
    #[arg(long, value_name = "N,...")]
    connections: Option<String>,
    /// Seconds per measurement, after one second of warm-up; default: 5.
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// Number of rounds, each of which measures everything once; default: 3.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// One round of one second each over 1 and 32 connections, to show that everything works.
    #[arg(long)]
    quick: bool,
    /// Skips the open loops.
    #[arg(long)]
    no_open: bool,
    /// Skips starts and memory.
    #[arg(long)]
    no_costs: bool,
    /// Keeps the run: bench/report.md, .svg and .json, a line of bench/history.jsonl, docs/capacity.md and the
    /// tables of docs/performance.md.
    #[arg(long)]
    keep: bool,
    /// Only writes docs/capacity.md and the tables of docs/performance.md, from the last run that was kept.
    #[arg(long)]
    capacity: bool,
    /// URL of a running app. ROSTER_ADMIN_EMAIL and ROSTER_ADMIN_PASSWORD name one of its admins.
    #[arg(long, value_name = "U")]
    url: Option<String>,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    step("building the load generator");
    build::native(&["bench", "devhost"], &[])?;
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
    /// Options that are passed to the load generator.
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

/// Waits for the end without delaying signals.
async fn finish(command: &mut Command) -> Result<()> {
    const POLL: Duration = Duration::from_millis(50);
    // Stops its targets one after the other.
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
