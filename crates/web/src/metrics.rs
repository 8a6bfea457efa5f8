//! Totals of short-lived instances: each counts its requests and adds them to one hash in Redis after the
//! response.
//!
//! The first response after a flush schedules the next flush. The work keeps the instance alive until it is
//! done, so an idle instance has no counts left. A batch that Redis did not acknowledge is kept and retried
//! unchanged: Redis adds a batch once, even if its reply came too late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use accounts::Deferred;
use http::{Method, StatusCode};
use spin_pg_bindings::redis::{Arg, Command, Redis, Script};
use uuid::Uuid;

use counters::Counts;

/// Key of the hash with the totals.
pub const KEY: &str = "roster:metrics";

/// Delay from a response to the flush. Short, because until then an instance stays alive after its last
/// request and keeps its connections.
const FLUSH_AFTER: Duration = Duration::from_millis(250);
/// Delay between two attempts.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Consecutive failures after which a flush ends; the next response schedules another.
const ATTEMPTS: usize = 3;

/// Adds a batch once. `KEYS[1]`: the hash; `KEYS[2]`: the mark of this batch; ARGV: the seconds that the mark is
/// kept, then alternating names and counts.
static ADD: Script = Script::new(
    "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end \
    for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end \
    redis.call('SET', KEYS[2], '', 'EX', ARGV[1]) return 1",
);
const MARK_SECONDS: &str = "60";

/// Counts of this instance, flushed to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    redis: Arc<dyn Redis>,
    deferred: Arc<dyn Deferred>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// Taken from the counts, and not yet acknowledged by Redis.
    batch: Option<Batch>,
    is_scheduled: bool,
}

#[derive(Clone)]
struct Batch {
    id: Uuid,
    fields: Vec<(String, u64)>,
}

impl Metrics {
    pub fn new(redis: Arc<dyn Redis>, deferred: Arc<dyn Deferred>) -> Self {
        Self(Arc::new(Shared {
            redis,
            deferred,
            state: Mutex::default(),
        }))
    }

    /// Counts a response. `route` is the router's template; `None` when no route matched. `latency` is `None` if the
    /// client requested the delay.
    pub fn record(
        &self,
        method: &Method,
        route: Option<&str>,
        status: StatusCode,
        latency: Option<Duration>,
    ) {
        {
            let mut state = self.0.state();
            state.counts.add(method, route, status, latency);
            if std::mem::replace(&mut state.is_scheduled, true) {
                return;
            }
        }
        let flush = Flush {
            shared: self.0.clone(),
            is_over: false,
        };
        self.0.deferred.spawn(Box::pin(flush.run()));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one scheduled flush. However it ends, the next response may schedule another.
struct Flush {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Drop for Flush {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.state().is_scheduled = false;
        }
    }
}

impl Flush {
    async fn run(mut self) {
        let mut wait = FLUSH_AFTER;
        let mut refusals = 0;
        while refusals < ATTEMPTS {
            self.shared.deferred.sleep(wait).await;
            let batch = self.next_batch();
            let sent = self.shared.redis.execute(&batch.command()).await;
            if sent.is_err() {
                refusals += 1;
                wait = RETRY_AFTER;
            } else if self.is_finished() {
                return;
            } else {
                refusals = 0;
                wait = FLUSH_AFTER;
            }
        }
    }

    /// Returns the unacknowledged batch, or a new one of the counts since then.
    fn next_batch(&self) -> Batch {
        let mut state = self.shared.state();
        if let Some(batch) = &state.batch {
            return batch.clone();
        }
        let mut fields = state.counts.take();
        let events = accounts::metrics::take().into_iter();
        fields.extend(events.map(|(event, count)| (events::field(event), count)));
        let id = Uuid::now_v7();
        let batch = Batch { id, fields };
        state.batch = Some(batch.clone());
        batch
    }

    /// Drops the acknowledged batch. Returns true if nothing was counted meanwhile. Check and update share
    /// one lock: a response either finds a scheduled flush that will include it, or schedules one.
    fn is_finished(&mut self) -> bool {
        let mut state = self.shared.state();
        state.batch = None;
        if state.counts.is_empty() {
            state.is_scheduled = false;
            self.is_over = true;
        }
        self.is_over
    }
}

impl Batch {
    fn command(&self) -> Command {
        // The braces place both keys on one node of a cluster.
        let keys = [KEY.to_owned(), format!("{{{KEY}}}:{}", self.id)];
        let mut args = vec![Arg::from(MARK_SECONDS)];
        for (name, count) in &self.fields {
            args.push(Arg::from(name.clone()));
            args.push(Arg::from(count.to_string()));
        }
        Command::script(&ADD, keys, args)
    }
}

mod counters;
mod events;
pub mod prometheus;
#[cfg(test)]
mod tests;
