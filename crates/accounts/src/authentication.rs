//! Checks the session, the caller and the rate limit of a request in one Redis round trip.
//!
//! Redis entries are at most one TTL old and are updated with every change; anything that Redis lacks is
//! read from Postgres. If both are down, the request is rejected. If Redis is down, the rate limit is
//! off.

mod store;

use std::sync::Arc;
use std::time::Duration;

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::{Arg, Command, Reply, Script};

use crate::cache::{self, Cache, SessionEntry};
use crate::metrics::{self, Event};
use crate::session::SessionId;
use crate::{Error, User, UserId};
use store::SessionState;

/// KEYS: session, caller, another user, generation, rate of the caller, rate of the address. ARGV: limit,
/// window in milliseconds, the entry of an ended session. A token of an ended session counts against its
/// address, so that it cannot use up the limit of its user. The rate is a GCRA: `tat` is the time
/// at which the bucket is full again, and a request costs one interval. Returns the four entries, then
/// allowed, remaining, and two times in milliseconds: until the limit is fully restored, and until the
/// next request is allowed.
static LOOKUP: Script = Script::new(
    "local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) \
    local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) \
    local rate = found[1] == ARGV[3] and KEYS[6] or KEYS[5] \
    local allowed, remaining, reset, retry = 1, 0, 0, 0 \
    local t = redis.call('TIME') \
    local now = t[1] * 1000 + t[2] / 1000 \
    local tat = math.max(tonumber(redis.call('GET', rate) or now), now) \
    local later = tat + window / limit \
    if later - now > window then \
      allowed, reset, retry = 0, tat - now, later - now - window \
    else \
      redis.call('SET', rate, string.format('%.3f', later), 'PX', math.ceil(later - now)) \
      remaining, reset = math.floor((window - later + now) * limit / window), later - now \
    end \
    return {found[1], found[2], found[3], found[4], \
    allowed, remaining, math.ceil(reset), math.ceil(retry)}",
);

/// A key that never has an entry.
const NOTHING: &str = "roster:nothing";

/// Number of requests allowed per window; all of them may arrive at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub requests: u32,
    pub window: Duration,
}

/// State of a caller's rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub allowed: bool,
    pub remaining: u32,
    /// Time until the limit is fully restored.
    pub reset: Duration,
    /// Time until the next request is allowed.
    pub retry: Duration,
}

/// Input of [`Authenticator::authenticate`].
#[derive(Debug, Clone, Default)]
pub struct AuthRequest {
    /// User and session named by a valid token.
    pub caller: Option<(UserId, SessionId)>,
    /// Another user that the request is about, read in the same round trip.
    pub about: Option<UserId>,
    /// Buckets that the request may count against; `None` when it is not limited.
    pub rate: Option<RateKeys>,
}

/// Buckets of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateKeys {
    /// Bucket of the caller, else of the address. Not used if the session is known to have ended.
    pub caller: String,
    /// Bucket of the client's address.
    pub address: String,
}

/// Result of [`Authenticator::authenticate`], from Redis alone where possible.
#[derive(Debug)]
pub struct Authenticated {
    /// Current state of the caller; `None` unless the session is alive and the caller is active.
    pub caller: Option<User>,
    /// The other user; `None` when the cache does not have it.
    pub about: Option<User>,
    /// `None` when there is no limit or Redis did not reply.
    pub rate: Option<Rate>,
    /// True when there is a limit but Redis did not reply.
    pub limit_is_open: bool,
}

/// Decides on the authenticator of requests. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    database: Arc<dyn Database>,
    cache: Cache,
    limit: Option<RateLimit>,
}

/// Replies of Redis.
#[derive(Default)]
struct Found {
    session: Option<Reply>,
    caller: Option<Reply>,
    about: Option<Reply>,
    rate: Option<Rate>,
}

impl Authenticator {
    pub fn new(database: Arc<dyn Database>, cache: Cache, limit: Option<RateLimit>) -> Self {
        Self {
            database,
            cache,
            limit,
        }
    }

    /// The limit that [`Rate`] refers to.
    pub fn limit(&self) -> Option<RateLimit> {
        self.limit
    }

    /// # Errors
    /// [`Error::Unavailable`] when neither store can confirm the session.
    pub async fn authenticate(&self, auth_request: &AuthRequest) -> Result<Authenticated, Error> {
        let found = self.find(auth_request).await;
        let answered = found.is_some();
        let found = found.unwrap_or_default();
        let limited = auth_request.rate.is_some() && self.limit.is_some();
        let mut authenticated = Authenticated {
            caller: None,
            about: None,
            rate: found.rate.filter(|_| limited),
            limit_is_open: limited && !answered,
        };
        if authenticated.limit_is_open {
            metrics::count(Event::RateLimitOpen);
        }
        if authenticated.rate.is_some_and(|rate| !rate.allowed) {
            metrics::count(Event::RateLimited);
            return Ok(authenticated);
        }
        if let Some((user, session)) = auth_request.caller {
            authenticated.caller = self.caller(&found, user, session).await?;
        }
        if let (Some(entry), Some(id)) = (&found.about, auth_request.about) {
            authenticated.about = self.cache.read_user(entry, id);
            metrics::count(match authenticated.about {
                Some(_) => Event::CacheHit,
                None => Event::CacheMiss,
            });
        }
        Ok(authenticated)
    }

    async fn find(&self, auth_request: &AuthRequest) -> Option<Found> {
        if auth_request.caller.is_none() && auth_request.rate.is_none() {
            return Some(Found::default());
        }
        let replies = self.cache.execute(&self.command(auth_request)).await.ok()?;
        let mut replies = replies.into_iter();
        let (session, caller, about) = (replies.next(), replies.next(), replies.next());
        if let Some(generation) = replies.next() {
            self.cache.observe(&generation).await;
        }
        Some(Found {
            session,
            caller,
            about,
            rate: read_rate(replies),
        })
    }

    /// Reads only the entries if no limit applies, otherwise runs the script.
    fn command(&self, auth_request: &AuthRequest) -> Command {
        let (caller, session) = auth_request.caller.unzip();
        let or_nothing = |key: Option<String>| key.unwrap_or_else(|| NOTHING.into());
        let entries = [
            or_nothing(session.map(cache::session_key)),
            or_nothing(caller.map(cache::user_key)),
            or_nothing(auth_request.about.map(cache::user_key)),
            cache::GENERATION.to_owned(),
        ];
        let Some((limit, rate)) = self.limit.zip(auth_request.rate.as_ref()) else {
            return Command::new("MGET", entries);
        };
        let rates = [&rate.caller, &rate.address].map(|key| format!("roster:rate:{key}"));
        let args = [
            Arg::Int(limit.requests.into()),
            Arg::Int(i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX)),
            Arg::from(cache::ENDED),
        ];
        Command::script(&LOOKUP, entries.into_iter().chain(rates), args)
    }

    /// Returns the caller, from the cache if it has the state, otherwise from Postgres.
    async fn caller(
        &self,
        found: &Found,
        id: UserId,
        session: SessionId,
    ) -> Result<Option<User>, Error> {
        if let (Some(session), Some(caller)) = (&found.session, &found.caller)
            && let Some(decided) = self.cached(session, caller, id)
        {
            if decided.is_some() {
                metrics::count(Event::CacheHit);
            }
            return Ok(decided.filter(|user| user.is_active));
        }
        metrics::count(Event::CacheMiss);
        let generation = self.cache.generation();
        let mut meanwhile = None;
        let superseded = Box::pin(async {
            let keys = [cache::session_key(session), cache::user_key(id)];
            let decide = |entries: &[Reply]| match entries {
                [session, caller] => self.cached(session, caller, id),
                _ => None,
            };
            meanwhile = Some(self.cache.poll(keys, decide).await);
        });
        match store::find(&*self.database, superseded, id, session).await? {
            Some(SessionState::Alive(user)) => {
                self.cache.keep(&user, Some(session), &generation);
                Ok(Some(*user).filter(|user| user.is_active))
            }
            // An ended session stays ended: its next request counts against its address.
            Some(SessionState::Ended) => {
                self.cache.keep_ended(session);
                Ok(None)
            }
            Some(SessionState::Anothers) => Ok(None),
            None => {
                let decided =
                    meanwhile.ok_or_else(|| Error::Internal("superseded by nothing".into()))?;
                Ok(decided.filter(|user| user.is_active))
            }
        }
    }

    /// Returns the user of a live session, `Some(None)` if the session has ended, and `None` if the entries
    /// leave it open.
    fn cached(&self, session: &Reply, caller: &Reply, id: UserId) -> Option<Option<User>> {
        let user = self.cache.read_user(caller, id)?;
        match cache::read_session(session, &user) {
            SessionEntry::Alive => Some(Some(user)),
            SessionEntry::Ended => Some(None),
            SessionEntry::Unknown => None,
        }
    }
}

/// Reads allowed, remaining, reset and retry, in this order.
fn read_rate(mut replies: impl Iterator<Item = Reply>) -> Option<Rate> {
    let mut next = || match replies.next() {
        Some(Reply::Int(number)) => u64::try_from(number).ok(),
        _ => None,
    };
    Some(Rate {
        allowed: next()? == 1,
        remaining: u32::try_from(next()?).ok()?,
        reset: Duration::from_millis(next()?),
        retry: Duration::from_millis(next()?),
    })
}

#[cfg(test)]
mod tests;
