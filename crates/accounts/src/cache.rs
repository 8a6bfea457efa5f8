//! Cache of users, service accounts and sessions in Redis, read first by every request.
//!
//! A user's entry is `<stamp>:<sealed JSON>`. Hosts write command arguments into traces, so personal data
//! is encrypted; only the stamp, for Redis to compare, is readable. An entry is replaced only by one with
//! the same or a later stamp, so a slow reader cannot overwrite a newer state. A deleted user leaves a
//! tombstone. A session's entry names its user and epoch while the session is alive. It becomes a
//! tombstone when the session ends, and readers keep that. Every entry expires: within the TTL, a
//! tombstone 5 s and a `?` 10 s later. Redis is disposable: if it does not reply, Postgres is read. A
//! change that did not reach Redis is retried in the background until the TTL has passed.
//!
//! A write without a response may be committed later, when no instance is left to update Redis. Its
//! entries become `?`: readers query Postgres, and no reader replaces the mark, until the statement can
//! no longer run.

mod account;
mod generation;
mod poll;
mod put;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use spin_pg_bindings::redis::{Arg, Command, Redis, RedisError, Reply, Script};

use crate::keys::{Purpose, RootKey, SealKey};
use crate::session::SessionId;
use crate::{Error, User, UserId};
pub(crate) use account::account_key;
use generation::Latest;
pub(crate) use generation::{Generation, KEY as GENERATION};
use put::Put;

/// Stamp of a deleted user, later than any other: the largest integer that Lua's numbers hold exactly.
const TOMBSTONE: i64 = (1 << 53) - 1;

/// Entry of an ended session.
pub(crate) const ENDED: &str = "-";

/// Additional lifetime of a tombstone: a reader that queried Postgres before the change may write its
/// result this much later.
const TOMBSTONE_MARGIN: Duration = Duration::from_secs(5);

/// Longest time that an abandoned statement may still run: the role's `statement_timeout`.
const ABANDONED_STATEMENT: Duration = Duration::from_secs(5);

/// Pause between two attempts to update Redis.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// Longest time that a response waits for Redis to receive its change. A busy Redis must not serve the
/// old state to the client that has just received the new one.
const FOREGROUND_RETRY_LIMIT: Duration = Duration::from_millis(400);

/// Entry of a user or session that must be read from Postgres: a write to it had no outcome.
const DOUBT: &str = "?";

/// KEYS: users and sessions. ARGV: TTL in milliseconds, the mark that becomes the entry of each.
static MARK: Script = Script::new(
    "for _, key in ipairs(KEYS) do \
    redis.call('SET', key, ARGV[2], 'PX', ARGV[1]) end return 1",
);

/// Runs work that outlives the request: implemented by the component's host and by tests.
#[async_trait]
pub trait Deferred: Send + Sync + 'static {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>);
    async fn sleep(&self, duration: Duration);
}

/// Entries of users and sessions. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    redis: Arc<dyn Redis>,
    ttl: Duration,
    deferred: Arc<dyn Deferred>,
    key: SealKey,
    account_key: SealKey,
    generation: Latest,
}

impl Cache {
    /// Creates a cache. `ttl` bounds the time that an entry may outlive a change that did not reach
    /// Redis. Users are sealed with a key of `root`.
    pub fn new(
        redis: Arc<dyn Redis>,
        ttl: Duration,
        deferred: Arc<dyn Deferred>,
        root: &RootKey,
    ) -> Self {
        Self {
            redis,
            ttl,
            deferred,
            key: root.seal_key(Purpose::CachedUser),
            account_key: root.seal_key(Purpose::CachedServiceAccount),
            generation: Latest::default(),
        }
    }

    /// Returns the generation to write into, for a caller that reads Postgres from now on.
    pub(crate) fn generation(&self) -> Generation {
        self.generation.get()
    }

    /// Stores the generation that was read with other entries; begins one if there is none.
    pub(crate) async fn observe(&self, entry: &Reply) {
        let found = match Generation::of(entry) {
            Some(found) => Some(found),
            None => match self.execute(&Generation::begin()).await.as_deref() {
                Ok([begun, ..]) => Generation::of(begun),
                _ => None,
            },
        };
        self.generation.set(found.unwrap_or_default());
    }

    /// The host's timer and its work after the response.
    pub(crate) fn deferred(&self) -> &dyn Deferred {
        &*self.deferred
    }

    /// Runs one command, once.
    pub(crate) async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        self.redis.execute(command).await
    }

    /// Stores the user that was just read, after the response. A failure costs only speed.
    pub(crate) fn keep(&self, user: &User, session: Option<SessionId>, generation: &Generation) {
        if let Some(command) = self.entry(user, session, 0, generation) {
            self.execute_later(command);
        }
    }

    /// Stores, after the response, that Postgres has no such session. A failure costs only speed.
    pub(crate) fn keep_ended(&self, session: SessionId) {
        self.execute_later(self.ended(&[session]));
    }

    /// Runs one command, once, after the response.
    fn execute_later(&self, command: Command) {
        let redis = self.redis.clone();
        self.deferred.spawn(Box::pin(async move {
            let _ = redis.execute(&command).await;
        }));
    }

    /// Updates the entry of a changed user.
    pub(crate) async fn replace(&self, user: &User, generation: &Generation) {
        if let Some(command) = self.entry(user, None, self.doubt_ttl(), generation) {
            self.retry_until_applied(command).await;
        }
    }

    /// Replaces the entry of a deleted user by a tombstone.
    pub(crate) async fn forget(&self, id: UserId, generation: &Generation) {
        self.put_tombstone(user_key(id), generation).await;
    }

    /// Replaces an entry with a stamp by a tombstone.
    async fn put_tombstone(&self, key: String, generation: &Generation) {
        let put = Put {
            key,
            session: None,
            ttl: millis(self.ttl + TOMBSTONE_MARGIN),
            stamp: TOMBSTONE,
            payload: Vec::new(),
            doubt: self.doubt_ttl(),
            generation,
        };
        self.retry_until_applied(put.command()).await;
    }

    /// Replaces the entries of ended sessions by tombstones, in one round trip.
    pub(crate) async fn end(&self, sessions: &[SessionId]) {
        if !sessions.is_empty() {
            self.retry_until_applied(self.ended(sessions)).await;
        }
    }

    fn ended(&self, sessions: &[SessionId]) -> Command {
        let keys = sessions.iter().map(|session| session_key(*session));
        let ttl = Arg::Int(millis(self.ttl + TOMBSTONE_MARGIN));
        Command::script(&MARK, keys, [ttl, Arg::from(ENDED)])
    }

    /// Returns the outcome of a write to `user` and, if given, `session`. If that leaves the current
    /// state open, readers query Postgres about both for a while: after no response, and after nothing to
    /// change, which an earlier write without a response may have caused.
    pub(crate) async fn settle<T>(
        &self,
        outcome: Result<T, Error>,
        user: Option<UserId>,
        session: Option<SessionId>,
    ) -> Result<T, Error> {
        let keys = user.map(user_key).into_iter();
        self.settle_keys(outcome, keys.chain(session.map(session_key)))
            .await
    }

    /// Does the same for the entries of these keys.
    async fn settle_keys<T>(
        &self,
        outcome: Result<T, Error>,
        keys: impl Iterator<Item = String>,
    ) -> Result<T, Error> {
        if let Err(
            Error::Unavailable(_)
            | Error::NotFound
            | Error::Stale
            | Error::Excluded
            | Error::TooManyKeys,
        ) = &outcome
        {
            self.doubt_keys(keys).await;
        }
        outcome
    }

    /// Makes readers query Postgres for [`Self::doubt_ttl`].
    pub(crate) async fn doubt(&self, user: Option<UserId>, session: Option<SessionId>) {
        let keys = user.map(user_key).into_iter();
        self.doubt_keys(keys.chain(session.map(session_key))).await;
    }

    async fn doubt_keys(&self, keys: impl Iterator<Item = String>) {
        let args = [Arg::Int(self.doubt_ttl()), Arg::from(DOUBT)];
        let command = Command::script(&MARK, keys, args);
        self.retry_until_applied(command).await;
    }

    /// Sends the command, retrying within [`FOREGROUND_RETRY_LIMIT`]; if that fails, retries in the
    /// background for as long as an old entry may live.
    async fn retry_until_applied(&self, command: Command) {
        // The old entry must not be read for longer than Redis takes to reply again.
        let command = command.insistent();
        let soon = Instant::now() + FOREGROUND_RETRY_LIMIT;
        if self.repeat(&command, soon).await {
            return;
        }
        let cache = self.clone();
        let until = Instant::now() + self.ttl;
        self.deferred.spawn(Box::pin(async move {
            cache.repeat(&command, until).await;
        }));
    }

    /// Repeats the command until Redis has accepted it; returns false once the time is up.
    pub(crate) async fn repeat(&self, command: &Command, until: Instant) -> bool {
        loop {
            if self.execute(command).await.is_ok() {
                return true;
            }
            if Instant::now() + RETRY_EVERY > until {
                return false;
            }
            self.deferred.sleep(RETRY_EVERY).await;
        }
    }

    fn entry(
        &self,
        user: &User,
        session: Option<SessionId>,
        doubt: i64,
        generation: &Generation,
    ) -> Option<Command> {
        let put = Put {
            key: user_key(user.id),
            session: session.map(|session| (session, alive(user))),
            ttl: millis(self.ttl),
            stamp: user.stamp(),
            payload: seal_user(&self.key, user)?,
            doubt,
            generation,
        };
        Some(put.command())
    }

    /// Time until no earlier statement can still run and no earlier reader can still write.
    fn doubt_ttl(&self) -> i64 {
        millis(self.ttl + ABANDONED_STATEMENT + TOMBSTONE_MARGIN)
    }

    /// Returns the user of an entry, if the entry is one of this user.
    pub(crate) fn read_user(&self, entry: &Reply, id: UserId) -> Option<User> {
        let Reply::Bytes(entry) = entry else {
            return None;
        };
        let at = entry.iter().position(|byte| *byte == b':')?;
        let sealed = STANDARD_NO_PAD.decode(entry.get(at + 1..)?).ok()?;
        let json = self.key.open(&sealed, id.0.as_bytes())?;
        serde_json::from_slice(&json)
            .ok()
            .filter(|user: &User| user.id == id)
    }
}

/// Payload of a user's entry. It opens only with the user's id, so a copy under another user's key is not
/// valid.
fn seal_user(key: &SealKey, user: &User) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(user).ok()?;
    let sealed = key.seal(&json, user.id.0.as_bytes()).ok()?;
    Some(STANDARD_NO_PAD.encode(sealed).into_bytes())
}

/// Returns the entry of `user` as Redis returns it, for a scripted Redis.
pub fn user_entry(root: &RootKey, user: &User) -> Option<Vec<u8>> {
    let sealed = seal_user(&root.seal_key(Purpose::CachedUser), user)?;
    Some([format!("{}:", user.stamp()).into_bytes(), sealed].concat())
}

/// Entry of a live session of `user`.
fn alive(user: &User) -> String {
    format!("{}:{}", user.id, user.session_epoch)
}

/// State of a session according to its entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SessionEntry {
    /// Alive, and of this user and epoch.
    Alive,
    Ended,
    /// Undecided: Postgres must be read.
    Unknown,
}

/// Reads the entry of a session of `user`, as claimed by a token.
pub(crate) fn read_session(entry: &Reply, user: &User) -> SessionEntry {
    match entry {
        Reply::Bytes(bytes) if bytes == ENDED.as_bytes() => SessionEntry::Ended,
        Reply::Bytes(bytes) if *bytes == alive(user).into_bytes() => SessionEntry::Alive,
        _ => SessionEntry::Unknown,
    }
}

pub(crate) fn user_key(id: UserId) -> String {
    format!("roster:user:{id}")
}

pub(crate) fn session_key(id: SessionId) -> String {
    format!("roster:session:{id}")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
