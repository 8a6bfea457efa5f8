//! Limits concurrent password hashing with leases in Redis, or in Postgres if Redis is down.
//!
//! A hash takes 64 ms of exclusive CPU, and instances share no memory, so the limit is kept outside of
//! them: one set of slots per host (a pod). A lease expires if its holder dies. While Redis is unstable,
//! both stores may grant leases for a moment.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::{Arg, Command, Reply, Script};
use uuid::Uuid;

use crate::Error;
use crate::cache::Cache;
use crate::metrics::{self, Event};

/// Lease time: far longer than a hash takes even on a busy machine.
const LEASE: Duration = Duration::from_secs(5);
/// Time that a request waits for a slot before it is rejected. Two simultaneous logins both succeed, but
/// a flood does not pile up.
const WAIT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(80);
/// Number of requests per instance that may wait; further requests are rejected at once, because each
/// waiter polls Redis.
const MAX_WAITING: usize = 3;

/// KEYS: the leases by their end. ARGV: slots, holder, milliseconds.
static TAKE: Script = Script::new(
    "local t = redis.call('TIME') \
    local now = t[1] * 1000 + math.floor(t[2] / 1000) \
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) \
    if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end \
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2]) \
    redis.call('PEXPIRE', KEYS[1], ARGV[3]) return 1",
);

/// Takes the first free slot. If two holders choose the same slot, the second finds it taken.
const TAKE_IN_POSTGRES: &str = "INSERT INTO hash_leases AS l (host, slot, holder, expires_at)
     SELECT $1, slot, $3, now() + make_interval(secs => $4)
     FROM generate_series(1, $2::integer) AS slot
     WHERE NOT EXISTS (SELECT FROM hash_leases AS taken
        WHERE taken.host = $1 AND taken.slot = slot.slot AND taken.expires_at > now())
     ORDER BY slot LIMIT 1
     ON CONFLICT (host, slot) DO UPDATE
        SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at
        WHERE l.expires_at <= now()
     RETURNING slot";

const RELEASE_IN_POSTGRES: &str = "DELETE FROM hash_leases WHERE host = $1 AND holder = $2";

/// Runs expensive work in one of the host's slots. Cheap to clone.
#[derive(Clone)]
pub struct HashSlots {
    cache: Cache,
    database: Arc<dyn Database>,
    host: Arc<str>,
    slots: i32,
    waiting: Arc<AtomicUsize>,
}

/// A waiting request, for as long as it waits.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A lease, by the store that granted it.
enum Lease {
    Redis(Uuid),
    Postgres(Uuid),
}

impl HashSlots {
    /// Creates a hash slots. `host` identifies the process; its instances share the `slots`.
    pub fn new(cache: Cache, database: Arc<dyn Database>, host: &str, slots: i32) -> Self {
        Self {
            cache,
            database,
            host: host.into(),
            slots,
            waiting: Arc::default(),
        }
    }

    /// Runs `work` in a slot; returns [`Error::Busy`] if none becomes free in time.
    pub(crate) async fn run<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.run_after(async { Ok(()) }, |()| work()).await
    }

    /// Runs `first` and then `work` with its result, both in a slot: a rejected request runs neither.
    pub(crate) async fn run_after<A, T>(
        &self,
        first: impl Future<Output = Result<A, Error>>,
        work: impl FnOnce(A) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let lease = self.wait_for_slot().await?;
        let done = first.await.and_then(work);
        self.release_lease(lease).await;
        done
    }

    async fn wait_for_slot(&self) -> Result<Lease, Error> {
        let until = Instant::now() + WAIT;
        let before_us = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(self.waiting.clone());
        if before_us < MAX_WAITING {
            loop {
                if let Some(lease) = self.take().await? {
                    return Ok(lease);
                }
                if Instant::now() + POLL > until {
                    break;
                }
                self.cache.deferred().sleep(POLL).await;
            }
        }
        metrics::count(Event::HashSlotRefused);
        Err(Error::Busy)
    }

    async fn take(&self) -> Result<Option<Lease>, Error> {
        let holder = Uuid::new_v4();
        let args = [
            Arg::Int(self.slots.into()),
            Arg::from(holder.to_string()),
            Arg::from(LEASE.as_millis().to_string()),
        ];
        let command = Command::script(&TAKE, [self.key()], args);
        match self.cache.execute(&command).await {
            Ok(replies) => {
                let taken = matches!(replies.first(), Some(Reply::Int(1)));
                Ok(taken.then_some(Lease::Redis(holder)))
            }
            Err(_) => {
                // The command may have run nevertheless, or may run once Redis resumes.
                self.release_lease_later(holder);
                self.take_in_postgres(holder).await
            }
        }
    }

    async fn take_in_postgres(&self, holder: Uuid) -> Result<Option<Lease>, Error> {
        let params = vec![
            (*self.host).into(),
            self.slots.into(),
            holder.into(),
            LEASE.as_secs_f64().into(),
        ];
        let rows = self.database.write(TAKE_IN_POSTGRES, params).await?;
        Ok((!rows.is_empty()).then_some(Lease::Postgres(holder)))
    }

    /// Releases a lease. If this fails, the slot is taken until the lease expires.
    async fn release_lease(&self, lease: Lease) {
        match lease {
            Lease::Redis(holder) => {
                if self.cache.execute(&self.removal(holder)).await.is_err() {
                    self.release_lease_later(holder);
                }
            }
            Lease::Postgres(holder) => {
                let params = vec![(*self.host).into(), holder.into()];
                let _ = self.database.write(RELEASE_IN_POSTGRES, params).await;
            }
        }
    }

    /// Releases the lease in the background until Redis has accepted the command, and once more a moment
    /// later: an earlier command may run after the first release.
    fn release_lease_later(&self, holder: Uuid) {
        let (hash_slots, cache) = (self.clone(), self.cache.clone());
        self.cache.deferred().spawn(Box::pin(async move {
            for _ in 0..2 {
                let command = hash_slots.removal(holder);
                cache.repeat(&command, Instant::now() + LEASE).await;
                cache.deferred().sleep(POLL).await;
            }
        }));
    }

    /// Removes one holder's lease from those of this host.
    fn removal(&self, holder: Uuid) -> Command {
        Command::new("ZREM", [self.key(), holder.to_string()])
    }

    fn key(&self) -> String {
        format!("roster:hash:{}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use futures::executor::block_on;
    use spin_pg_bindings::postgres::{self, Param, Row, Value};
    use spin_pg_bindings::redis::{Redis, RedisError};

    use crate::cache::Deferred;
    use crate::keys::RootKey;

    type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

    /// A Redis that fails the first `failures` commands, and records the holders of all.
    #[derive(Default)]
    struct FailingRedis {
        failures: AtomicUsize,
        seen: Mutex<Vec<(String, Arg)>>,
    }

    #[async_trait]
    impl Redis for FailingRedis {
        async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
            let place = if command.name == "EVALSHA" { 4 } else { 1 };
            let holder = command.args.get(place).unwrap();
            let entry = (command.name.to_owned(), holder.clone());
            self.seen.lock().unwrap().push(entry);
            let left = self.failures.load(Ordering::Relaxed);
            self.failures
                .store(left.saturating_sub(1), Ordering::Relaxed);
            match left {
                0 => Ok(vec![Reply::Int(1)]),
                _ => Err(RedisError::Connection("late".into())),
            }
        }
    }

    /// A Postgres with a free slot.
    struct FreeSlotDatabase;

    #[async_trait]
    impl Database for FreeSlotDatabase {
        async fn read(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, postgres::Error> {
            Ok(Vec::new())
        }

        async fn write(&self, _: &str, _: Vec<Param>) -> Result<Vec<Row>, postgres::Error> {
            Ok(vec![Row::new(
                Arc::new(["slot".to_owned()]),
                vec![Value::Int32(1)],
            )])
        }
    }

    #[derive(Default)]
    struct ManualDeferred(Mutex<Vec<Work>>);

    #[async_trait]
    impl Deferred for ManualDeferred {
        fn spawn(&self, work: Work) {
            self.0.lock().unwrap().push(work);
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn commands(failures: usize) -> Vec<(String, Arg)> {
        let redis = Arc::new(FailingRedis::default());
        redis.failures.store(failures, Ordering::Relaxed);
        let deferred = Arc::new(ManualDeferred::default());
        let root = RootKey::new(b"a key of these tests");
        let ttl = Duration::from_secs(1);
        let cache = Cache::new(redis.clone(), ttl, deferred.clone(), &root);
        let hash_slots = HashSlots::new(cache, Arc::new(FreeSlotDatabase), "host", 1);
        block_on(hash_slots.run(|| Ok(()))).unwrap();
        let work = std::mem::take(&mut *deferred.0.lock().unwrap());
        for work in work {
            block_on(work);
        }
        let seen = redis.seen.lock().unwrap();
        seen.clone()
    }

    #[test]
    fn a_lease_is_released_after_a_timed_out_reply() {
        let seen = commands(1);
        let names: Vec<_> = seen.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["EVALSHA", "ZREM", "ZREM"]);
        assert!(seen.iter().all(|(_, holder)| *holder == seen[0].1));
    }

    #[test]
    fn a_lease_is_released_once_if_redis_replies() {
        let names: Vec<_> = commands(0).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["EVALSHA", "ZREM"]);
    }
}
