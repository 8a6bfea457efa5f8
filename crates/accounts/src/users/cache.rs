//! Single users in Redis: cache-aside with versions.
//!
//! An entry is `<version>:<json>` and is replaced only by the same or a later version, so a slow
//! reader cannot put an old state over a newer one; a deleted user leaves a tombstone. Every entry
//! ends by itself within the TTL. Redis is disposable: when it does not answer, Postgres does.
//! A change that Redis did not hear of is told again in the background until the TTL is over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use spin_pg_bindings::redis::{Arg, Redis, Reply};

use crate::metrics::{self, Event};
use crate::{User, UserId};

/// The version of a deleted user: later than any (the largest that Lua's numbers hold exactly).
const TOMBSTONE: i64 = (1 << 53) - 1;

/// Between two attempts to tell Redis of a change.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// How long a change waits for Redis to hear of it before it is answered: a busy Redis must not
/// serve the old state to the client that has just been told of the new one.
const TELL_WITHIN: Duration = Duration::from_millis(400);

/// KEYS[1] the entry; ARGV: version, payload, TTL in milliseconds.
const PUT: &str = "local c = redis.call('GET', KEYS[1]) \
    local v = c and tonumber(string.match(c, '^(%d+):')) \
    if v and v > tonumber(ARGV[1]) then return 0 end \
    redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3]) return 1";

/// What runs work that outlives the request: the component's host does, tests do.
#[async_trait]
pub trait Deferred: Send + Sync + 'static {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>);
    async fn sleep(&self, duration: Duration);
}

#[derive(Clone)]
pub(super) struct UserCache {
    redis: Arc<dyn Redis>,
    ttl: Duration,
    deferred: Arc<dyn Deferred>,
}

impl UserCache {
    pub(super) fn new(redis: Arc<dyn Redis>, ttl: Duration, deferred: Arc<dyn Deferred>) -> Self {
        Self {
            redis,
            ttl,
            deferred,
        }
    }

    /// The cached user; a miss, a tombstone and a Redis that does not answer are alike.
    pub(super) async fn get(&self, id: UserId) -> Option<User> {
        let user = self.find(id).await;
        metrics::count(match user {
            Some(_) => Event::CacheHit,
            None => Event::CacheMiss,
        });
        user
    }

    async fn find(&self, id: UserId) -> Option<User> {
        let replies = self
            .redis
            .execute("GET", vec![Arg::from(key(id))])
            .await
            .ok()?;
        let Some(Reply::Bytes(entry)) = replies.into_iter().next() else {
            return None;
        };
        let at = entry.iter().position(|byte| *byte == b':')?;
        serde_json::from_slice(entry.get(at + 1..)?)
            .ok()
            .filter(|user: &User| user.id == id)
    }

    /// Keeps what was just read. Losing this costs only speed.
    pub(super) async fn put(&self, user: &User) {
        if let Some(arguments) = self.entry(user) {
            let _ = self.redis.execute("EVAL", arguments).await;
        }
    }

    /// Tells Redis of a change.
    pub(super) async fn replace(&self, user: &User) {
        if let Some(arguments) = self.entry(user) {
            self.insist(arguments).await;
        }
    }

    /// Tells Redis that the user is gone.
    pub(super) async fn forget(&self, id: UserId) {
        self.insist(self.arguments(id, TOMBSTONE, Vec::new())).await;
    }

    /// Attempts within [`TELL_WITHIN`]; when they fail, more in the background for as long as an
    /// old entry may live.
    async fn insist(&self, arguments: Vec<Arg>) {
        if self.tell(&arguments, Instant::now() + TELL_WITHIN).await {
            return;
        }
        let cache = self.clone();
        let until = Instant::now() + self.ttl;
        self.deferred.spawn(Box::pin(async move {
            cache.tell(&arguments, until).await;
        }));
    }

    /// Repeats the script until Redis took it; false when the time is over.
    async fn tell(&self, arguments: &[Arg], until: Instant) -> bool {
        loop {
            if self.redis.execute("EVAL", arguments.to_vec()).await.is_ok() {
                return true;
            }
            if Instant::now() + RETRY_EVERY > until {
                return false;
            }
            self.deferred.sleep(RETRY_EVERY).await;
        }
    }

    fn entry(&self, user: &User) -> Option<Vec<Arg>> {
        let json = serde_json::to_vec(user).ok()?;
        Some(self.arguments(user.id, user.version, json))
    }

    fn arguments(&self, id: UserId, version: i64, payload: Vec<u8>) -> Vec<Arg> {
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        vec![
            Arg::from(PUT),
            Arg::from("1"),
            Arg::from(key(id)),
            Arg::from(version.to_string()),
            Arg::Bytes(payload),
            Arg::from(ttl.to_string()),
        ]
    }
}

fn key(id: UserId) -> String {
    format!("roster:user:{id}")
}
