//! `bench`: loads targets side by side and reports their responses, speed and cost. `cargo xtask bench`
//! prepares them.

#![allow(
    clippy::disallowed_methods,
    reason = "a native program, which starts others and waits for them"
)]

mod client;
mod closed;
mod cold;
mod http;
mod keep;
mod machine;
mod measure;
mod open;
mod options;
mod pace;
mod plan;
mod probes;
mod proc;
mod recovery;
mod report;
mod run;
mod sample;
mod scenarios;
mod statistics;
mod subject;
mod target;
mod window;
mod workload;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::signal::unix::{SignalKind, signal};

use options::Cli;
use plan::{Plan, Planned};
use report::data::{Profile, Report};
use run::Run;
use subject::Subject;
use workload::Workload;

#[tokio::main]
async fn main() -> ExitCode {
    match try_main(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn try_main(cli: Cli) -> Result<()> {
    if let Some(root) = &cli.capacity {
        return keep::capacity(root);
    }
    // Allows a thousand connections and more, here and in the targets.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    // Dropping a run stops its targets.
    tokio::select! {
        result = measure(&cli) => result,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn measure(cli: &Cli) -> Result<()> {
    let begun = Instant::now();
    let began = OffsetDateTime::now_utc().replace_nanosecond(0)?;
    let options = cli.options();
    ensure!(
        cli.keep.is_none() || options.workloads.contains(&Workload::Mix),
        "only a run with `mix` can be kept: docs/capacity.md is generated from it"
    );
    let mut report = Report {
        began: began.format(&Rfc3339)?,
        machine: machine::describe(),
        profile: Profile {
            seconds: options.times.counted.as_secs_f64(),
            warm_up_seconds: options.times.warm_up.as_secs_f64(),
            rounds: options.rounds,
        },
        ..Report::default()
    };
    let (subjects, reports) = match (&cli.plan, &cli.url) {
        (Some(path), _) => {
            let plan = read(path)?;
            let subjects = start(&plan, &mut report).await;
            (report.commit, report.versions) = (plan.commit, plan.versions);
            report.skipped.splice(0..0, plan.skipped);
            (subjects, Some(plan.reports))
        }
        (None, Some(url)) => {
            let subject = Subject::foreign(url, &cli.email, &cli.password).await?;
            (vec![subject], None)
        }
        (None, None) => bail!("nothing to measure: pass --plan or --url"),
    };
    ensure!(!subjects.is_empty(), "no target could be started");
    let mut report = Run::new(options, subjects, report).finish().await?;
    report.minutes = begun.elapsed().as_secs_f64() / 60.0;
    print!("{}", report::table::markdown(&report));
    match reports {
        Some(folder) => keep::reports(&report, &folder, cli.keep.as_deref()),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Plan> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).context("invalid plan")
}

/// Starts every target; one that fails to start is left out of the run.
async fn start(plan: &Plan, report: &mut Report) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for planned in &plan.targets {
        eprintln!("==> starting {}", planned.name);
        match start_one(planned, plan.contract.as_deref()).await {
            Ok(subject) => subjects.push(subject),
            Err(error) => {
                eprintln!("    {error:#}");
                report.skipped.push(report::data::Skipped {
                    what: planned.name.clone(),
                    reason: format!("{error:#}"),
                });
            }
        }
    }
    subjects
}

async fn start_one(planned: &Planned, contract: Option<&Path>) -> Result<Subject> {
    let subject = Subject::start(planned).await?;
    if let (Some(script), Some(data)) = (contract, &planned.data) {
        subject.check(script, data)?;
    }
    Ok(subject)
}
