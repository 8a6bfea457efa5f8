//! Record of recent responses of Postgres, shared by all instances through Redis.
//!
//! On a busy host, an instance waits for one of the host's connections longer than any deadline that would
//! detect a frozen Postgres soon enough, and nothing in the instance distinguishes the two. A response to
//! another instance does: a frozen Postgres gives none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::redis::{Command, Redis, Reply};

/// Age up to which a response is recent. Shorter than the deadline of a statement: one that was sent after
/// Postgres froze finds no record when its deadline passes.
const RECENT: Duration = Duration::from_secs(1);

/// Interval between two commands of one instance: records, and lookups.
const INTERVAL: Duration = Duration::from_millis(250);

/// Record of recent responses of Postgres under one key of Redis.
pub struct RecentResponses {
    redis: Arc<dyn Redis>,
    key: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recorded: Option<Instant>,
    /// Time of the last lookup, and its result.
    found: Option<(Instant, bool)>,
}

impl RecentResponses {
    /// Creates a record under `key`, which all instances share.
    pub fn new(redis: Arc<dyn Redis>, key: &'static str) -> Self {
        Self {
            redis,
            key,
            state: Mutex::default(),
        }
    }

    /// Returns true if a response at `now` is to be recorded: this instance recorded none lately.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut state = self.state();
        let is_due = is_past(state.recorded, now);
        if is_due {
            state.recorded = Some(now);
        }
        is_due
    }

    /// Records a response.
    pub(super) async fn record(&self) {
        let milliseconds = RECENT.as_millis().to_string();
        let command = Command::new("SET", [self.key, "1", "PX", milliseconds.as_str()]);
        // Without the record, waiting instances fail at their deadline, which is the safe side.
        let _ = self.redis.execute(&command).await;
    }

    /// Returns true if some instance had a response lately. False if Redis does not reply.
    pub(super) async fn exist(&self, now: Instant) -> bool {
        let found = self.state().found;
        if let Some((at, found)) = found
            && !is_past(Some(at), now)
        {
            return found;
        }
        let reply = self.redis.execute(&Command::new("GET", [self.key])).await;
        let found = matches!(reply.as_deref(), Ok([Reply::Bytes(_), ..]));
        self.state().found = Some((now, found));
        found
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_past(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= INTERVAL)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::redis::RedisError;

    /// A Redis that has one key or not, and counts commands.
    #[derive(Default)]
    struct OneKey {
        exists: AtomicBool,
        commands: AtomicUsize,
    }

    #[async_trait]
    impl Redis for OneKey {
        async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
            self.commands.fetch_add(1, Ordering::Relaxed);
            if command.name == "SET" {
                self.exists.store(true, Ordering::Relaxed);
            }
            Ok(vec![match self.exists.load(Ordering::Relaxed) {
                true => Reply::Bytes(b"1".to_vec()),
                false => Reply::Nil,
            }])
        }
    }

    #[tokio::test]
    async fn instances_share_responses() {
        let redis = Arc::new(OneKey::default());
        let (one, other) = (
            RecentResponses::new(redis.clone(), "responses"),
            RecentResponses::new(redis, "responses"),
        );
        let now = Instant::now();
        assert!(!other.exist(now).await);
        one.record().await;
        assert!(other.exist(now + INTERVAL).await);
    }

    #[tokio::test]
    async fn an_instance_looks_up_once_per_interval() {
        let redis = Arc::new(OneKey::default());
        let responses = RecentResponses::new(redis.clone(), "responses");
        let now = Instant::now();
        for _ in 0..3 {
            assert!(!responses.exist(now).await);
        }
        assert_eq!(redis.commands.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_instance_records_once_per_interval() {
        let responses = RecentResponses::new(Arc::new(OneKey::default()), "responses");
        let now = Instant::now();
        let times = [now, now, now + INTERVAL / 2, now + INTERVAL];
        let due = times.map(|time| responses.is_due(time));
        assert_eq!(due, [true, false, false, true]);
    }
}
