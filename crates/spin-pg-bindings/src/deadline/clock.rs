//! Timers on the host's clock.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::Deadline;
use super::remaining::RemainingTime;
use crate::race::yield_now;

/// A deadline shared by several successive calls.
pub(crate) type Timer<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Turns for a reply that has arrived but is not delivered yet: one through the host, one to take the
/// event, one to spare.
const LAST_TURNS: usize = 3;

/// Starts a deadline at the first poll. `replies` returns the number of the store's replies to all calls
/// of this instance.
pub(crate) fn timer<'a>(deadline: Deadline, replies: impl Fn() -> usize + Send + 'a) -> Timer<'a> {
    Box::pin(async move {
        let mut remaining = RemainingTime::of(deadline);
        let mut began = Instant::now();
        loop {
            let slice = remaining.slice();
            if slice.is_zero() {
                break;
            }
            let before = replies();
            wait(slice).await;
            let now = Instant::now();
            let late = now.duration_since(began).saturating_sub(slice);
            remaining.count(slice, late, replies() != before);
            began = now;
        }
        for _ in 0..LAST_TURNS {
            yield_now().await;
        }
    })
}

/// Waits for `duration`, from the first poll on.
pub(crate) async fn wait(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    wasip3::clocks::monotonic_clock::wait_for(nanoseconds).await;
}
