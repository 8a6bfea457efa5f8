//! Soak: a mix of requests at 80 % of its measured peak for a long time. Memory must not drift,
//! descriptors must not grow, and no request may fail.

mod load;
pub mod report;
mod samples;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::stack::{Stack, Storage};
use load::{Load, Mix, Pace};
use report::Report;
use samples::Sampler;

/// Length of a run and of its parts.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Closed loop that measures the peak.
    pub peak: Duration,
    /// Closed loop over more connections than the load uses later. A host keeps the memory of up
    /// to 100 ended instances: without this loop, reaching that number would look like a leak.
    pub burst: Duration,
    /// Excluded from the comparison: caches fill, instances start.
    pub warm_up: Duration,
    pub duration: Duration,
    /// Interval between two samples.
    pub every: Duration,
}

/// Share of the peak that is sent, in percent.
const SHARE: u64 = 80;
/// Concurrent requests while the peak is measured.
const PEAK_CONNECTIONS: usize = 16;
/// Concurrent requests of the burst: more than 100 instances begin at once.
const BURST_CONNECTIONS: usize = 256;
/// Maximum of concurrent requests of the load.
const CONNECTIONS: usize = 64;

/// Measures the peak, then applies the load and takes samples.
///
/// # Errors
/// If a server does not start or cannot be sampled.
pub async fn run(plan: Plan) -> Result<Report> {
    let variables = [("access_token_minutes", "60"), ("log_level", "warn")];
    let stack = Stack::start_with_storage(Storage::default(), &variables).await?;
    let load = Arc::new(Load::prepare(&stack).await?);
    let closed = load
        .run(plan.peak, PEAK_CONNECTIONS, Pace::Closed, Mix::Whole)
        .await?;
    let peak = closed.completed * 1_000 / u64::try_from(plan.peak.as_millis())?.max(1);
    let rate = (peak * SHARE / 100).max(1);
    let burst = load
        .run(plan.burst, BURST_CONNECTIONS, Pace::Closed, Mix::Reads)
        .await?;
    let pace = Pace::Open(Duration::from_secs(1) / u32::try_from(rate)?);
    let background = {
        let (load, time) = (Arc::clone(&load), plan.warm_up + plan.duration);
        tokio::spawn(async move { load.run(time, CONNECTIONS, pace, Mix::Whole).await })
    };
    let sampler = Sampler::new(&stack).await.context("cannot sample")?;
    tokio::time::sleep(plan.warm_up).await;
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while !background.is_finished() {
        samples.push(sampler.sample(begun.elapsed()).await?);
        tokio::time::sleep(plan.every).await;
    }
    let steady = background.await??;
    Ok(Report::new(peak, rate, &[closed, burst], &steady, samples))
}
