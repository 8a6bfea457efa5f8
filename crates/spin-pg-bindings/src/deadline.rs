//! The host's clock.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A clock that several calls in a row race against.
pub(crate) type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts a clock that rings after `duration`, counted from now and not from the first poll.
pub(crate) fn timer(duration: Duration) -> Timer {
    let rings_at = Instant::now() + duration;
    Box::pin(async move {
        wait(rings_at.saturating_duration_since(Instant::now())).await;
    })
}

/// Waits; the time begins when this is first polled.
pub(crate) async fn wait(duration: Duration) {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    wasip3::clocks::monotonic_clock::wait_for(nanoseconds).await;
}
