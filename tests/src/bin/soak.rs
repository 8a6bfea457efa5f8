//! Runs the soak plan and writes its report: `cargo xtask soak` builds and starts it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use blackbox::soak::{Plan, run};
use clap::Parser;

/// Loads the host steadily and samples its resource usage.
#[derive(Parser)]
struct Arguments {
    /// Length of the run, warm-up included.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Folder for soak.json and soak.md.
    #[arg(long)]
    reports: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let whole = Duration::from_secs(60 * arguments.minutes);
    let warm_up = whole / 10;
    let report = run(Plan {
        peak: Duration::from_secs(15),
        burst: Duration::from_secs(15),
        warm_up,
        duration: whole - warm_up,
        every: Duration::from_secs(5),
    })
    .await?;
    fs::create_dir_all(&arguments.reports)?;
    let json = serde_json::to_string_pretty(&report)?;
    fs::write(arguments.reports.join("soak.json"), json + "\n")?;
    fs::write(arguments.reports.join("soak.md"), report.markdown())?;
    println!("{}", report.markdown());
    Ok(match report.complaints().is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
