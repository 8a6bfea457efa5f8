//! Closed loops: each connection sends its next request when the last one is answered.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::client::{Call, Connection, Target};
use crate::statistics::quantile;

/// Connections are made, instances and caches are warm, before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// What was answered while it counted.
#[derive(Default)]
pub struct Load {
    pub connections: usize,
    pub time: Duration,
    /// Times to the whole answer by status, each in order.
    pub by_status: BTreeMap<u16, Vec<Duration>>,
    /// Requests without an answer.
    pub errors: usize,
}

impl Load {
    /// Sends each of `calls` over a connection of its own, again and again, for `time`.
    pub async fn run(target: &Target, calls: Vec<Call>, time: Duration) -> Self {
        let from = Instant::now() + WARM_UP;
        let until = from + time;
        let mut load = Self {
            connections: calls.len(),
            time,
            ..Self::default()
        };
        let mut loops = JoinSet::new();
        for call in calls {
            loops.spawn(closed_loop(Connection::new(target), call, from, until));
        }
        for (by_status, errors) in loops.join_all().await {
            for (status, times) in by_status {
                load.by_status.entry(status).or_default().extend(times);
            }
            load.errors += errors;
        }
        load.by_status.values_mut().for_each(|times| times.sort());
        load
    }

    /// How many answers there were, of any status.
    pub fn answers(&self) -> usize {
        self.by_status.values().map(Vec::len).sum()
    }

    pub fn per_second(&self) -> f64 {
        self.answers() as f64 / self.time.as_secs_f64()
    }

    /// How many answers had this status.
    pub fn with_status(&self, status: u16) -> usize {
        self.by_status.get(&status).map_or(0, Vec::len)
    }

    /// A quantile of all answers.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut all: Vec<Duration> = self.by_status.values().flatten().copied().collect();
        all.sort();
        quantile(&all, share)
    }
}

async fn closed_loop(
    mut connection: Connection,
    call: Call,
    from: Instant,
    until: Instant,
) -> (BTreeMap<u16, Vec<Duration>>, usize) {
    let mut by_status = BTreeMap::<u16, Vec<Duration>>::new();
    let mut errors = 0;
    while Instant::now() < until {
        let sent = connection.send(&call).await;
        let now = Instant::now();
        match sent {
            // An answer belongs to the moment when it is there.
            Ok(answer) if now >= from && now <= until => {
                let times = by_status.entry(answer.status.as_u16()).or_default();
                times.push(answer.took);
            }
            Ok(_) => {}
            Err(_) => {
                errors += usize::from(now >= from);
                // A host that is gone would be asked as fast as the machine can.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    (by_status, errors)
}
