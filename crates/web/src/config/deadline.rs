//! Deadlines of the stores and of other work.

use std::future::Future;
use std::time::Duration;

use spin_pg_bindings::Deadline;

/// Deadline of one statement, including a new connection: if Postgres is down, a client gets an error within
/// two seconds. Queues before Postgres must give up earlier.
pub const POSTGRES: Deadline = Deadline {
    store: Duration::from_millis(1_500),
    hard: Duration::from_millis(1_750),
};

/// Deadline of one command, including a new connection, before Postgres takes the place of Redis.
pub const REDIS: Deadline = Deadline {
    store: Duration::from_millis(100),
    hard: Duration::from_millis(1_000),
};

/// Returns the output of `work`; `None` when it takes longer than `limit` and is dropped.
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

/// Runs `work` without a limit, because outside wasm there is no host clock.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn within<T>(_: Duration, work: impl Future<Output = T>) -> Option<T> {
    Some(work.await)
}
