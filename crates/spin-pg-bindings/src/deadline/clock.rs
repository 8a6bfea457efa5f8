//! The host's clock.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::Deadline;
use super::left::Left;
use crate::race::yield_now;

/// A deadline that several calls in a row race against.
pub(crate) type Timer<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Turns for a reply that is there but not delivered yet: one through the host, one to take the event,
/// one to spare.
const LAST_TURNS: usize = 3;

/// Starts a deadline; the time begins at the first poll. `replies` counts what the store has replied
/// to any call of this instance.
pub(crate) fn timer<'a>(deadline: Deadline, replies: impl Fn() -> usize + Send + 'a) -> Timer<'a> {
    Box::pin(async move {
        let mut left = Left::of(deadline);
        let mut began = Instant::now();
        loop {
            let slice = left.slice();
            if slice.is_zero() {
                break;
            }
            let before = replies();
            wait(slice).await;
            let now = Instant::now();
            let late = now.duration_since(began).saturating_sub(slice);
            left.count(slice, late, replies() != before);
            began = now;
        }
        for _ in 0..LAST_TURNS {
            yield_now().await;
        }
    })
}

/// Waits; the time begins when this is first polled.
pub(crate) async fn wait(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    wasip3::clocks::monotonic_clock::wait_for(nanoseconds).await;
}
