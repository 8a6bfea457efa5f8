//! An open loop: requests are due at a fixed rate, independent of responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::closed::sample;
use crate::pace::Pace;
use crate::sample::Sample;
use crate::window::Window;
use crate::workload::{Traffic, Workload};

/// Interval between checks for due requests. Tokio's timers have a resolution of a millisecond.
const TICK: Duration = Duration::from_micros(250);

/// Outcome of an open loop.
#[derive(Default)]
pub struct Flow {
    /// Requests that ended within the window, no matter when they were due.
    pub ended: Vec<Sample>,
    /// Requests that were due within the window and sent.
    pub due: Vec<Sample>,
    /// Waits, at the end, of requests that were due within the window but never sent.
    pub unsent: Vec<Duration>,
    /// Delays of requests that were sent late although a connection was idle.
    pub late: Vec<Duration>,
}

/// State that the connections of a flow share.
struct Shared {
    traffic: Arc<Traffic>,
    workload: Workload,
    pace: Pace,
    start: Instant,
    window: Window,
    /// One permit per due request.
    due: Semaphore,
    next: AtomicU64,
}

/// Sends `workload` at `per_second` over `connections`. A request that finds none idle waits, and the
/// wait counts; requests that still wait at the end of the window are dropped.
pub async fn run(
    traffic: &Arc<Traffic>,
    workload: Workload,
    per_second: f64,
    connections: Vec<Connection>,
    window: Window,
) -> (Flow, Vec<Connection>) {
    let shared = Arc::new(Shared {
        traffic: traffic.clone(),
        workload,
        pace: Pace::new(per_second),
        start: Instant::now(),
        window,
        due: Semaphore::new(0),
        next: AtomicU64::new(0),
    });
    let pacer = {
        let shared = shared.clone();
        std::thread::spawn(move || shared.release())
    };
    let mut loops = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let random = Rng::with_seed(number as u64);
        loops.spawn(serve(shared.clone(), connection, random));
    }
    let (mut flow, mut connections) = (Flow::default(), Vec::new());
    for (part, connection) in loops.join_all().await {
        flow.ended.extend(part.ended);
        flow.due.extend(part.due);
        flow.late.extend(part.late);
        connections.push(connection);
    }
    // It ended with the window, before the loops.
    let _ = pacer.join();
    flow.unsent = shared.unsent();
    (flow, connections)
}

impl Shared {
    /// Adds a permit for each request when it is due, and closes the semaphore at the end.
    fn release(&self) {
        let mut released = 0;
        loop {
            let now = Instant::now();
            if now >= self.window.until {
                return self.due.close();
            }
            let due = self.pace.count(now - self.start);
            self.due
                .add_permits(usize::try_from(due - released).unwrap_or_default());
            released = due;
            let next = self.start + self.pace.due(due);
            let wake = next.max(now + TICK).min(self.window.until);
            std::thread::sleep(wake.saturating_duration_since(Instant::now()));
        }
    }

    /// Returns the waits of due requests that no connection took.
    fn unsent(&self) -> Vec<Duration> {
        let due = self.pace.count(self.window.until - self.start);
        (self.next.load(Ordering::Relaxed)..due)
            .map(|number| self.start + self.pace.due(number))
            .filter(|moment| self.window.holds(*moment))
            .map(|moment| self.window.until - moment)
            .collect()
    }
}

async fn serve(
    shared: Arc<Shared>,
    mut connection: Connection,
    mut random: Rng,
) -> (Flow, Connection) {
    let (mut flow, mut message) = (Flow::default(), Vec::new());
    loop {
        let was_idle = shared.due.available_permits() == 0;
        // Closed: the window has ended, and due requests are not sent.
        let Ok(permit) = shared.due.acquire().await else {
            return (flow, connection);
        };
        permit.forget();
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let due = shared.start + shared.pace.due(number);
        shared
            .traffic
            .write(shared.workload, &mut random, &mut message);
        let begun = Instant::now();
        let reply = connection.send(&message).await;
        let now = Instant::now();
        let sample = sample(reply.as_ref().ok(), due, now);
        if shared.window.holds(now) {
            flow.ended.push(sample);
        }
        if shared.window.holds(due) {
            flow.due.push(sample);
            if was_idle {
                flow.late.push(begun.saturating_duration_since(due));
            }
        }
    }
}
