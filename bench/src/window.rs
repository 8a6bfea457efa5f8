//! Time in which a load runs, and the part in which it counts.

use std::time::{Duration, Instant};

/// A load begins now, counts from `from`, and ends at `until`.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub from: Instant,
    pub until: Instant,
}

impl Window {
    /// Returns a window of `time` after `warm_up`, in which caches, pools and instances fill.
    pub fn after(warm_up: Duration, time: Duration) -> Self {
        let from = Instant::now() + warm_up;
        Self {
            from,
            until: from + time,
        }
    }

    pub fn holds(&self, moment: Instant) -> bool {
        (self.from..=self.until).contains(&moment)
    }

    pub fn seconds(&self) -> f64 {
        (self.until - self.from).as_secs_f64()
    }
}

/// Waits until `moment`.
pub async fn sleep_until(moment: Instant) {
    tokio::time::sleep_until(moment.into()).await;
}
