//! Calls with a timeout, and calls that the host completes immediately.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures::future::{Either, select};

/// Returns the output of `call`, or `None` if `timer` fires first; the call is then abandoned.
pub(crate) async fn with_timer<T>(
    timer: impl Future<Output = ()> + Unpin,
    call: impl Future<Output = T>,
) -> Option<T> {
    match select(pin!(call), timer).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Yields to the host and to pending events.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Returns the output of `call`, and true if the host returned it without waiting for anything.
///
/// The host polls a call once before it returns to the guest. One that completes by then made no round
/// trip: the host knew of a closed connection. Later, a statement may have been sent.
pub(crate) async fn await_with_immediate_flag<T>(call: impl Future<Output = T>) -> (T, bool) {
    let mut call = pin!(call);
    let mut polls = 0_u32;
    let output = poll_fn(|context| {
        polls = polls.saturating_add(1);
        call.as_mut().poll(context)
    })
    .await;
    (output, polls == 1)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn the_first_future_to_complete_wins() {
        assert_eq!(with_timer(pending(), ready(1)).await, Some(1));
        assert_eq!(with_timer(ready(()), pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_call_ready_after_yielding_precedes_the_timer() {
        let mut turns = 0;
        let call = poll_fn(|context| {
            turns += 1;
            context.waker().wake_by_ref();
            if turns < 3 {
                Poll::Pending
            } else {
                Poll::Ready(turns)
            }
        });
        let timer = async {
            for _ in 0..3 {
                yield_now().await;
            }
        };
        assert_eq!(with_timer(Box::pin(timer), call).await, Some(3));
    }

    #[tokio::test]
    async fn a_round_trip_is_not_immediate() {
        assert_eq!(await_with_immediate_flag(ready(1)).await, (1, true));
        let round_trip = async {
            tokio::task::yield_now().await;
            1
        };
        assert_eq!(await_with_immediate_flag(round_trip).await, (1, false));
    }
}
