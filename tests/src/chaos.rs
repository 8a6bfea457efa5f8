//! Chaos: a schedule of faults, repeatable by seed, for a real Postgres, a real Redis and two hosts,
//! while clients make changes and keep a log. Afterwards no acknowledged change may be lost, no failed
//! change may have happened, and none may have happened twice.

mod client;
mod comparison;
mod failover;
mod log;
mod meter;
mod oracle;
pub mod report;
mod resolve;
mod schedule;
mod servers;
mod sessions;
mod users;
mod verify;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::future::try_join_all;

use crate::stack::Storage;
use client::{Client, FinalState};
use failover::FailoverClient;
use meter::Meter;
use report::Report;
use schedule::{Kind, Schedule};
use servers::Servers;

/// End of a run: it continues until it has both enough kills and enough acknowledged changes, or until
/// its time limit.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub kills: u64,
    pub writes: u64,
    pub limit: Duration,
    pub clients: usize,
    /// File for the hosts' log if something was wrong.
    pub reports: Option<PathBuf>,
    /// Full-disk faults, in a second stage with a separate disk; 0: no such stage.
    pub full_disks: u64,
}

/// Size of the second stage's disk in megabytes: Postgres with its log, and a little more.
const SMALL_DISK: u32 = 288;

/// Runs the plan and returns the report.
///
/// # Errors
/// If something other than the app fails: a server that does not start, a log that cannot be written.
pub async fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new(plan);
    let disk = Storage {
        durable: true,
        megabytes: None,
    };
    Run::start(plan, disk, &mut report)
        .await?
        .finish(&mut report)
        .await?;
    if plan.full_disks == 0 {
        report.skip(
            Kind::DiskFull,
            "no stage with a separate disk was requested",
        );
        return Ok(report);
    }
    let small_disk = Storage {
        durable: true,
        megabytes: Some(SMALL_DISK),
    };
    match Run::start(plan, small_disk, &mut report).await {
        Ok(run) => run.finish(&mut report).await?,
        Err(error) if format!("{error:#}").contains("cannot mount") => {
            report.skip(Kind::DiskFull, &format!("{error:#}"));
        }
        Err(error) => return Err(error),
    }
    Ok(report)
}

/// Servers and clients of one stage.
struct Run<'a> {
    plan: &'a Plan,
    servers: Servers,
    has_small_disk: bool,
    logs: tempfile::TempDir,
    acknowledged: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    healed: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<Result<FinalState>>>,
    watch: tokio::task::JoinHandle<()>,
    begun: Instant,
}

impl<'a> Run<'a> {
    /// Starts the servers and the clients.
    async fn start(plan: &'a Plan, storage: Storage, report: &mut Report) -> Result<Self> {
        let meter = Arc::new(Meter::default());
        let failover = FailoverClient::new(Arc::clone(&meter))?;
        let servers = Servers::start(storage, failover).await?;
        report.durability = verify::durability(&servers).await?;
        let mut run = Self {
            plan,
            servers,
            has_small_disk: storage.megabytes.is_some(),
            logs: tempfile::tempdir()?,
            acknowledged: Arc::default(),
            over: Arc::default(),
            healed: Arc::default(),
            clients: Vec::new(),
            watch: tokio::spawn(async move { meter.watch().await }),
            begun: Instant::now(),
        };
        let name = crate::unique();
        let name = name.get(..8).context("a name")?;
        let prepared = (0..plan.clients).map(async |index| {
            let failover = run.servers.failover.reconnected()?;
            let acknowledged = Arc::clone(&run.acknowledged);
            let folder = run.logs.path();
            Client::prepare((index, name, plan.seed), failover, folder, acknowledged).await
        });
        for client in try_join_all(prepared).await? {
            let (over, healed) = (Arc::clone(&run.over), Arc::clone(&run.healed));
            run.clients.push(tokio::spawn(client.work(over, healed)));
        }
        run.begun = Instant::now();
        Ok(run)
    }

    /// Follows the schedule, then heals, verifies, and adds to the report.
    async fn finish(mut self, report: &mut Report) -> Result<()> {
        self.follow_schedule(report).await?;
        self.over.store(true, Ordering::SeqCst);
        self.servers.recovered().await?;
        verify::wait_until_idle(&self.servers).await?;
        self.healed.store(true, Ordering::SeqCst);
        let mut final_states = Vec::new();
        for client in std::mem::take(&mut self.clients) {
            final_states.push(client.await??);
        }
        report.add_time(self.begun.elapsed());
        let mut expectations = oracle::expectations(log::read(self.logs.path())?);
        let found = verify::find(&self.servers, &expectations).await?;
        let findings = comparison::compare(&mut expectations, &found);
        report.tokens += verify::try_tokens(&self.servers, &final_states).await;
        report.add_findings(&expectations, findings);
        self.watch.abort();
        report.add_measured(&self.servers.failover.meter.measured());
        if let Some(folder) = &self.plan.reports
            && !(report.is_clean() && report.broken.is_empty())
        {
            fs::create_dir_all(folder)?;
            fs::write(folder.join("chaos-hosts.log"), self.servers.stack.log())?;
        }
        Ok(())
    }

    async fn follow_schedule(&mut self, report: &mut Report) -> Result<()> {
        let mut excluded = Vec::new();
        for (kind, why) in self.servers.impossible() {
            excluded.push(kind);
            // The other stage covers it.
            if kind != Kind::DiskFull {
                report.skip(kind, why);
            }
        }
        let mut schedule = Schedule::new(self.plan.seed, &excluded);
        let (mut kills, mut full_disks) = (0, 0);
        while !self.is_enough(kills, full_disks) {
            tokio::time::sleep(schedule.pause()).await;
            let fault = schedule.next().context("no fault is possible")?;
            let meter = Arc::clone(&self.servers.failover.meter);
            let begin = meter.begin(fault.kind);
            self.servers
                .inject(&fault)
                .await
                .with_context(|| format!("{fault:?}"))?;
            let healed = meter.healed(begin);
            self.servers.recovered().await?;
            meter.end(healed);
            report.add_fault(fault.kind);
            kills += u64::from(fault.kind.is_kill());
            full_disks += u64::from(fault.kind == Kind::DiskFull);
        }
        Ok(())
    }

    fn is_enough(&self, kills: u64, full_disks: u64) -> bool {
        if self.begun.elapsed() >= self.plan.limit {
            return true;
        }
        if self.has_small_disk {
            return full_disks >= self.plan.full_disks;
        }
        kills >= self.plan.kills && self.acknowledged.load(Ordering::SeqCst) >= self.plan.writes
    }
}
