//! Calls against the clock, and calls that the host answers at once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures::future::{Either, select};

/// A clock that several calls in a row race against.
pub(crate) type Timer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts a clock that rings after `duration`.
pub(crate) fn timer(duration: Duration) -> Timer {
    let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Box::pin(wasip3::clocks::monotonic_clock::wait_for(nanoseconds))
}

/// What `call` gives, or `None` when the timer rings first; the call is then abandoned.
pub(crate) async fn before<T>(timer: &mut Timer, call: impl Future<Output = T>) -> Option<T> {
    match select(pin!(call), timer).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// What `call` gives, and whether the host gave it without waiting for anything.
///
/// The host polls a call once before it returns to the guest. What is answered by then made no
/// round trip: a connection that the host knew to be closed. Later a statement may have been sent.
pub(crate) async fn answered_at_once<T>(call: impl Future<Output = T>) -> (T, bool) {
    let mut call = pin!(call);
    let mut polls = 0_u32;
    let output = poll_fn(|context| {
        polls = polls.saturating_add(1);
        call.as_mut().poll(context)
    })
    .await;
    (output, polls == 1)
}
