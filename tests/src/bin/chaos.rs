//! Runs the chaos plan and writes its report: `cargo xtask chaos` builds and starts it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use blackbox::chaos::{Plan, run};
use clap::Parser;

/// Injects faults into Postgres, Redis and hosts, and counts lost changes.
#[derive(Parser)]
struct Arguments {
    /// Seed of the schedule; the same seed repeats the schedule.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Minimum number of kills.
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// Minimum number of acknowledged changes.
    #[arg(long, default_value_t = 1_000)]
    writes: u64,
    /// Maximum time for the faults of one stage.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Number of concurrent clients.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Full-disk faults, in a separate stage; 0: none.
    #[arg(long, default_value_t = 4)]
    full_disks: u64,
    /// Also fail if a response or a recovery was late.
    #[arg(long)]
    in_time: bool,
    /// Folder for chaos.json and chaos.md.
    #[arg(long)]
    reports: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let report = run(&Plan {
        seed: arguments.seed,
        kills: arguments.kills,
        writes: arguments.writes,
        limit: Duration::from_secs(arguments.seconds),
        clients: arguments.clients,
        full_disks: arguments.full_disks,
        reports: Some(arguments.reports.clone()),
    })
    .await?;
    fs::create_dir_all(&arguments.reports)?;
    let json = serde_json::to_string_pretty(&report)?;
    fs::write(arguments.reports.join("chaos.json"), json + "\n")?;
    fs::write(arguments.reports.join("chaos.md"), report.markdown())?;
    println!("{}", report.markdown());
    let is_enough = report.kills >= arguments.kills && report.acknowledged >= arguments.writes;
    if !is_enough {
        eprintln!("the time limit expired before the plan was complete");
    }
    let is_good = report.is_clean() && is_enough && (!arguments.in_time || report.is_in_time());
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
