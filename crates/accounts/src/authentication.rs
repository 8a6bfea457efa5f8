//! Checks the credential, the caller and the rate limit of a request in one Redis round trip.
//!
//! Redis entries are at most one TTL old and are updated with every change; anything that Redis lacks is
//! read from Postgres. If both are down, the request is rejected. If Redis is down, the rate limit is
//! off.

mod service_account;
mod store;

use std::sync::Arc;
use std::time::Duration;

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::{Arg, Command, Reply, Script};

use crate::cache::{self, Cache, SessionEntry};
use crate::metrics::{self, Event};
use crate::service_account::key::PresentedKey;
use crate::session::SessionId;
use crate::{Error, ServiceAccount, User, UserId};
use store::SessionState;

/// KEYS: session or service account, caller, another user, generation, rate of the caller, rate of the address.
/// ARGV: limit, window in milliseconds, the entry of an ended session, the mark of an API key (empty for a token).
/// A token of an ended session counts against its address, and so does a key that the entry of its account does not
/// contain: neither can use up the limit of another. A caller without a rate of their own is not limited. The rate
/// is a GCRA: `tat` is the time at which the bucket is full again, and a request costs one interval. Returns the four
/// entries, then allowed, remaining, and two times in milliseconds: until the limit is fully restored, and until the
/// next request is allowed.
static LOOKUP: Script = Script::new(
    "local found = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3], KEYS[4]) \
    local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) \
    local known = ARGV[4] == '' and found[1] ~= ARGV[3] \
      or ARGV[4] ~= '' and found[1] and string.find(found[1], ARGV[4], 1, true) \
    local rate = known and KEYS[5] or KEYS[6] \
    local allowed, remaining, reset, retry = 1, 0, 0, 0 \
    if rate == 'roster:nothing' then \
      return {found[1], found[2], found[3], found[4], allowed, remaining, reset, retry} end \
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

/// A key that never has an entry; the script names it, too.
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

/// Credential of a request, well-formed but not checked against the stores yet.
#[derive(Debug, Clone)]
pub enum Credential {
    /// User and session named by a valid token.
    Session(UserId, SessionId),
    Key(PresentedKey),
}

/// Caller whose credential is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// An active user with a live session.
    User(User),
    /// An active account with a key that has not expired.
    Service(ServiceAccount),
}

/// Input of [`Authenticator::authenticate`].
#[derive(Debug, Clone, Default)]
pub struct AuthRequest {
    pub credential: Option<Credential>,
    /// Another user that the request is about, read in the same round trip.
    pub about: Option<UserId>,
    /// Buckets that the request may count against; `None` when it is not limited.
    pub rate: Option<RateKeys>,
}

/// Buckets of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateKeys {
    /// Bucket of the caller, else of the address; `None` if a caller with a valid credential is not limited. Not used
    /// if the session is known to have ended, or unless the API key is known to be the account's.
    pub caller: Option<String>,
    /// Bucket of the client's address.
    pub address: String,
}

/// Result of [`Authenticator::authenticate`], from Redis alone where possible.
#[derive(Debug)]
pub struct Authenticated {
    /// Current state of the caller; `None` unless the credential is valid and the caller is active.
    pub caller: Option<Principal>,
    /// The other user; `None` when the cache does not have it.
    pub about: Option<User>,
    /// `None` when there is no limit or Redis did not reply.
    pub rate: Option<Rate>,
    /// True when there is a limit but Redis did not reply.
    pub limit_is_open: bool,
}

/// Authenticates requests, and counts them against their limit. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    database: Arc<dyn Database>,
    cache: Cache,
    limit: Option<RateLimit>,
}

/// Replies of Redis.
#[derive(Default)]
struct Found {
    /// Session, or service account.
    first: Option<Reply>,
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
        authenticated.caller = match &auth_request.credential {
            Some(Credential::Session(user, session)) => {
                let user = self.user(&found, *user, *session).await?;
                user.map(Principal::User)
            }
            Some(Credential::Key(key)) => {
                let account = self.service_account(&found, key).await?;
                account.map(Principal::Service)
            }
            None => None,
        };
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
        if auth_request.credential.is_none() && auth_request.rate.is_none() {
            return Some(Found::default());
        }
        let replies = self.cache.execute(&self.command(auth_request)).await.ok()?;
        let mut replies = replies.into_iter();
        let (first, caller, about) = (replies.next(), replies.next(), replies.next());
        if let Some(generation) = replies.next() {
            self.cache.observe(&generation).await;
        }
        Some(Found {
            first,
            caller,
            about,
            rate: read_rate(replies),
        })
    }

    /// Reads only the entries if no limit applies, otherwise runs the script.
    fn command(&self, auth_request: &AuthRequest) -> Command {
        let (first, caller, mark) = match &auth_request.credential {
            Some(Credential::Session(user, session)) => {
                let session = cache::session_key(*session);
                (Some(session), Some(cache::user_key(*user)), "")
            }
            Some(Credential::Key(key)) => (Some(cache::account_key(key.account)), None, key.mark()),
            None => (None, None, ""),
        };
        let or_nothing = |key: Option<String>| key.unwrap_or_else(|| NOTHING.into());
        let entries = [
            or_nothing(first),
            or_nothing(caller),
            or_nothing(auth_request.about.map(cache::user_key)),
            cache::GENERATION.to_owned(),
        ];
        let Some((limit, rate)) = self.limit.zip(auth_request.rate.as_ref()) else {
            return Command::new("MGET", entries);
        };
        let bucket = |key: &String| format!("roster:rate:{key}");
        let rates = [
            or_nothing(rate.caller.as_ref().map(bucket)),
            bucket(&rate.address),
        ];
        let args = [
            Arg::Int(limit.requests.into()),
            Arg::Int(i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX)),
            Arg::from(cache::ENDED),
            Arg::from(mark),
        ];
        Command::script(&LOOKUP, entries.into_iter().chain(rates), args)
    }

    /// Returns the user, from the cache if it has the state, otherwise from Postgres.
    async fn user(
        &self,
        found: &Found,
        id: UserId,
        session: SessionId,
    ) -> Result<Option<User>, Error> {
        if let (Some(session), Some(caller)) = (&found.first, &found.caller)
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
