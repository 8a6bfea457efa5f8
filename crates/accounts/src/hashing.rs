//! How many passwords are hashed at once, and by whom.
//!
//! A hash is 64 ms of CPU that the host gives to nobody else, and instances share no memory: the
//! bound is a lease outside of them, one set of slots a host (a pod), in Redis and, when Redis does
//! not answer, in Postgres. A holder that dies leaves a lease that ends by itself. While Redis comes
//! and goes, both may lease for a moment.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::{Arg, Reply};
use uuid::Uuid;

use crate::Error;
use crate::cache::Cache;
use crate::metrics::{self, Event};

/// Far longer than a hash takes even on a busy machine.
const LEASE: Duration = Duration::from_secs(5);
/// How long a request waits for a slot before it is sent away: two logins at the same moment both
/// succeed, a flood does not pile up.
const WAIT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(80);
/// How many requests of an instance may wait at once; more are sent away without asking. Waiting
/// costs a question each time, which a flood would multiply.
const WAITING: usize = 3;

/// KEYS[1] the leases by their end; ARGV: slots, holder, milliseconds.
const TAKE: &str = "local t = redis.call('TIME') \
    local now = t[1] * 1000 + math.floor(t[2] / 1000) \
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) \
    if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end \
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2]) \
    redis.call('PEXPIRE', KEYS[1], ARGV[3]) return 1";

/// Takes the first free slot. Of two that choose the same one, the second finds it taken.
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

const GIVE_BACK_IN_POSTGRES: &str = "DELETE FROM hash_leases WHERE host = $1 AND holder = $2";

/// Runs expensive work in one of the host's slots. Cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    cache: Cache,
    database: Arc<dyn Database>,
    host: Arc<str>,
    slots: i32,
    waiting: Arc<AtomicUsize>,
}

/// A request that waits, for as long as it does.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a lease was taken.
enum Lease {
    Redis(Uuid),
    Postgres(Uuid),
}

impl Hasher {
    /// `host` names what the `slots` are shared by: instances of one process.
    pub fn new(cache: Cache, database: Arc<dyn Database>, host: &str, slots: i32) -> Self {
        Self {
            cache,
            database,
            host: host.into(),
            slots,
            waiting: Arc::default(),
        }
    }

    /// Does `work` in a slot; [`Error::Busy`] when none becomes free in time.
    pub(crate) async fn run<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.run_after(async { Ok(()) }, |()| work()).await
    }

    /// The same with what `first` gives, which is asked for in the slot too: a request that is sent
    /// away has asked nobody.
    pub(crate) async fn run_after<A, T>(
        &self,
        first: impl Future<Output = Result<A, Error>>,
        work: impl FnOnce(A) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let lease = self.wait_for_slot().await?;
        let done = first.await.and_then(work);
        self.give_back(lease).await;
        done
    }

    async fn wait_for_slot(&self) -> Result<Lease, Error> {
        let until = Instant::now() + WAIT;
        let before_us = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(self.waiting.clone());
        if before_us < WAITING {
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
        let args = vec![
            Arg::from(TAKE),
            Arg::from("1"),
            Arg::from(self.key()),
            Arg::from(self.slots.to_string()),
            Arg::from(holder.to_string()),
            Arg::from(LEASE.as_millis().to_string()),
        ];
        match self.cache.ask("EVAL", args).await {
            Ok(replies) => {
                let taken = matches!(replies.first(), Some(Reply::Int(1)));
                Ok(taken.then_some(Lease::Redis(holder)))
            }
            Err(_) => self.take_in_postgres(holder).await,
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

    /// Losing this costs a slot until the lease ends.
    async fn give_back(&self, lease: Lease) {
        match lease {
            Lease::Redis(holder) => {
                let args = vec![Arg::from(self.key()), Arg::from(holder.to_string())];
                let _ = self.cache.ask("ZREM", args).await;
            }
            Lease::Postgres(holder) => {
                let params = vec![(*self.host).into(), holder.into()];
                let _ = self.database.write(GIVE_BACK_IN_POSTGRES, params).await;
            }
        }
    }

    fn key(&self) -> String {
        format!("roster:hash:{}", self.host)
    }
}
