//! Bounds on how long something may take.

use std::future::Future;
use std::time::Duration;

use spin_pg_bindings::Deadline;

/// Deadline of one statement, a new connection included: a client gets an error from a Postgres that is gone
/// within two seconds. What queues before Postgres has to give up earlier.
pub const POSTGRES: Deadline = Deadline {
    store: Duration::from_millis(1_500),
    hard: Duration::from_millis(1_750),
};

/// Deadline of one command, a new connection included, before Postgres takes the place of Redis.
pub const REDIS: Deadline = Deadline {
    store: Duration::from_millis(100),
    hard: Duration::from_millis(1_000),
};

/// The output of `work`, or `None` after `limit`; the work is then dropped.
#[cfg(target_arch = "wasm32")]
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    use std::pin::pin;

    use futures::future::{Either, select};

    let clock = pin!(spin_sdk::time::sleep(limit));
    match select(pin!(work), clock).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Off wasm there is no host, and no clock of its: the work takes as long as it takes.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn within<T>(_: Duration, work: impl Future<Output = T>) -> Option<T> {
    Some(work.await)
}
