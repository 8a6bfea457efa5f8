//! Closed loops: each connection sends its next request after the last response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::sample::Sample;
use crate::window::Window;
use crate::workload::{Traffic, Workload};

/// Pause after an error: a target that is gone would be retried as fast as the machine can.
const AFTER_ERROR: Duration = Duration::from_millis(10);

/// Sends `workload` over all connections at once, and returns the samples within the window, each with
/// the moment at which its response ended.
pub async fn run(
    traffic: &Arc<Traffic>,
    workload: Workload,
    connections: Vec<Connection>,
    window: Window,
) -> (Vec<(Instant, Sample)>, Vec<Connection>) {
    let mut loops = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let (traffic, random) = (traffic.clone(), Rng::with_seed(number as u64));
        loops.spawn(closed_loop(traffic, workload, connection, random, window));
    }
    let (mut samples, mut connections) = (Vec::new(), Vec::new());
    for (found, connection) in loops.join_all().await {
        samples.extend(found);
        connections.push(connection);
    }
    (samples, connections)
}

async fn closed_loop(
    traffic: Arc<Traffic>,
    workload: Workload,
    mut connection: Connection,
    mut random: Rng,
    window: Window,
) -> (Vec<(Instant, Sample)>, Connection) {
    let (mut samples, mut message) = (Vec::new(), Vec::new());
    while Instant::now() < window.until {
        traffic.write(workload, &mut random, &mut message);
        let begun = Instant::now();
        let reply = connection.send(&message).await;
        let now = Instant::now();
        // A response counts at the moment at which it is complete.
        if window.holds(now) {
            samples.push((now, sample(reply.as_ref().ok(), begun, now)));
        }
        if reply.is_err() {
            tokio::time::sleep(AFTER_ERROR).await;
        }
    }
    (samples, connection)
}

/// Returns the sample of a request that was due at `due`.
pub fn sample(reply: Option<&crate::client::Reply>, due: Instant, now: Instant) -> Sample {
    let response = now.saturating_duration_since(due);
    Sample {
        status: reply.map(|reply| reply.status),
        has_retry_after: reply.is_some_and(|reply| reply.has_retry_after),
        service: reply.map_or(response, |reply| reply.took),
        response,
    }
}

/// Opens `count` connections. Those that fail are opened again on demand.
pub async fn connections(authority: &Arc<str>, count: usize) -> Vec<Connection> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = Connection::new(authority);
        connection.connect().await.ok();
        connections.push(connection);
    }
    connections
}
