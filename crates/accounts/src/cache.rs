//! Users and sessions in Redis: what every request asks first.
//!
//! A user's entry is `<stamp>:<sealed JSON>`: hosts write the arguments of commands into traces, so
//! personal data is encrypted, and only the stamp, which Redis compares, is readable. An entry is
//! replaced only by the same or a later stamp, so a slow reader cannot put an old state over a newer
//! one; a deleted user leaves a tombstone. A session's entry names its user and epoch while it is
//! alive, and is a tombstone once it was ended, which no reader replaces. Every entry ends by itself
//! within the TTL. Redis is disposable: when it does not respond, Postgres does. A change that did not
//! reach Redis is repeated in the background until the TTL is over.
//!
//! A write without an answer may be committed later, when nobody is left to tell Redis. Its entries
//! become `?`: readers ask Postgres, and no reader replaces the mark, until the statement can
//! no longer run.

mod generation;
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
use generation::Latest;
pub(crate) use generation::{Generation, KEY as GENERATION};
use put::Put;

/// The stamp of a deleted user: later than any (the largest that Lua's numbers hold exactly).
const TOMBSTONE: i64 = (1 << 53) - 1;

/// The entry of a session that was ended.
pub(crate) const ENDED: &str = "-";

/// How much longer a tombstone lives than an entry: a reader that asked Postgres before the change
/// may write its answer this much later.
const TOMBSTONE_MARGIN: Duration = Duration::from_secs(5);

/// How long a statement may still run when nobody waits for it: the role's `statement_timeout`.
const ABANDONED_STATEMENT: Duration = Duration::from_secs(5);

/// Between two attempts to tell Redis of a change.
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// How long a change waits for Redis to hear of it before it is answered: a busy Redis must not
/// serve the old state to the client that has just been told of the new one.
const TELL_WITHIN: Duration = Duration::from_millis(400);

/// The entry of a user or session of which Postgres must be read: a write to it had no outcome.
const DOUBT: &str = "?";

/// KEYS: users and sessions; ARGV: TTL in milliseconds, the mark that becomes the entry of each.
static MARK: Script = Script::new(
    "for _, key in ipairs(KEYS) do \
    redis.call('SET', key, ARGV[2], 'PX', ARGV[1]) end return 1",
);

/// What runs work that outlives the request: the component's host does, tests do.
#[async_trait]
pub trait Deferred: Send + Sync + 'static {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>);
    async fn sleep(&self, duration: Duration);
}

/// The entries of users and sessions. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    redis: Arc<dyn Redis>,
    ttl: Duration,
    deferred: Arc<dyn Deferred>,
    key: SealKey,
    generation: Latest,
}

impl Cache {
    /// `ttl` bounds how long an entry may outlive a change that did not reach Redis; users are sealed
    /// with a key of `root`.
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
            generation: Latest::default(),
        }
    }

    /// The generation to write into, for who reads Postgres from now on.
    pub(crate) fn generation(&self) -> Generation {
        self.generation.get()
    }

    /// Keeps the generation that was read with other entries, and begins one where there is none.
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

    /// The host's clock and its work after the response.
    pub(crate) fn deferred(&self) -> &dyn Deferred {
        &*self.deferred
    }

    /// One command, once.
    pub(crate) async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        self.redis.execute(command).await
    }

    /// Keeps, after the response, the user that was just read. Losing this costs only speed.
    pub(crate) fn keep(&self, user: &User, session: Option<SessionId>, generation: &Generation) {
        let Some(command) = self.entry(user, session, 0, generation) else {
            return;
        };
        let redis = self.redis.clone();
        self.deferred.spawn(Box::pin(async move {
            let _ = redis.execute(&command).await;
        }));
    }

    /// Keeps, after the response, that Postgres has no such session. Losing this costs only speed.
    pub(crate) fn keep_ended(&self, session: SessionId) {
        let command = self.ended(&[session]);
        let redis = self.redis.clone();
        self.deferred.spawn(Box::pin(async move {
            let _ = redis.execute(&command).await;
        }));
    }

    /// Tells Redis of a change.
    pub(crate) async fn replace(&self, user: &User, generation: &Generation) {
        if let Some(command) = self.entry(user, None, self.doubt_ttl(), generation) {
            self.insist(command).await;
        }
    }

    /// Tells Redis that the user is gone.
    pub(crate) async fn forget(&self, id: UserId, generation: &Generation) {
        let put = Put {
            user: id,
            session: None,
            ttl: millis(self.ttl + TOMBSTONE_MARGIN),
            stamp: TOMBSTONE,
            payload: Vec::new(),
            doubt: self.doubt_ttl(),
            generation,
        };
        self.insist(put.command()).await;
    }

    /// Tells Redis that the sessions have ended, in one round trip.
    pub(crate) async fn end(&self, sessions: &[SessionId]) {
        if !sessions.is_empty() {
            self.insist(self.ended(sessions)).await;
        }
    }

    fn ended(&self, sessions: &[SessionId]) -> Command {
        let keys = sessions.iter().map(|session| session_key(*session));
        let ttl = Arg::Int(millis(self.ttl + TOMBSTONE_MARGIN));
        Command::script(&MARK, keys, [ttl, Arg::from(ENDED)])
    }

    /// The outcome of a write to `user`, and to `session` when it is about one; readers ask Postgres
    /// about both for a while when the outcome does not say what is true: after no answer, and when
    /// there was nothing to change, which an earlier write without an answer may have caused.
    pub(crate) async fn settle<T>(
        &self,
        outcome: Result<T, Error>,
        user: Option<UserId>,
        session: Option<SessionId>,
    ) -> Result<T, Error> {
        if let Err(Error::Unavailable(_) | Error::NotFound | Error::Stale) = &outcome {
            self.doubt(user, session).await;
        }
        outcome
    }

    /// Makes readers ask Postgres for [`Self::doubt_ttl`].
    pub(crate) async fn doubt(&self, user: Option<UserId>, session: Option<SessionId>) {
        let keys = user.map(user_key).into_iter();
        let keys = keys.chain(session.map(session_key));
        let args = [Arg::Int(self.doubt_ttl()), Arg::from(DOUBT)];
        let command = Command::script(&MARK, keys, args);
        self.insist(command).await;
    }

    /// Attempts within [`TELL_WITHIN`]; when they fail, more in the background for as long as an
    /// old entry may live.
    async fn insist(&self, command: Command) {
        // Nobody may read the old entry for longer than it takes Redis to reply again.
        let command = command.insistent();
        let soon = Instant::now() + TELL_WITHIN;
        if self.repeat(&command, soon).await {
            return;
        }
        let cache = self.clone();
        let until = Instant::now() + self.ttl;
        self.deferred.spawn(Box::pin(async move {
            cache.repeat(&command, until).await;
        }));
    }

    /// Repeats the command until Redis took it; false when the time is over.
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
            user: user.id,
            session: session.map(|session| (session, alive(user))),
            ttl: millis(self.ttl),
            stamp: user.stamp(),
            payload: seal_user(&self.key, user)?,
            doubt,
            generation,
        };
        Some(put.command())
    }

    /// Until no statement of before can still run, and no reader of before can still write.
    fn doubt_ttl(&self) -> i64 {
        millis(self.ttl + ABANDONED_STATEMENT + TOMBSTONE_MARGIN)
    }

    /// The user of an entry of theirs, if it is one.
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

/// The payload of a user's entry. It opens only with the user's id, so a copy under another user's key
/// is no entry.
fn seal_user(key: &SealKey, user: &User) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(user).ok()?;
    let sealed = key.seal(&json, user.id.0.as_bytes()).ok()?;
    Some(STANDARD_NO_PAD.encode(sealed).into_bytes())
}

/// The entry of `user` as Redis returns it, for a scripted Redis.
pub fn user_entry(root: &RootKey, user: &User) -> Option<Vec<u8>> {
    let sealed = seal_user(&root.seal_key(Purpose::CachedUser), user)?;
    Some([format!("{}:", user.stamp()).into_bytes(), sealed].concat())
}

/// The entry of a session of `user` that is alive.
fn alive(user: &User) -> String {
    format!("{}:{}", user.id, user.session_epoch)
}

/// What an entry says of a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SessionEntry {
    /// Alive, and of this user and epoch.
    Alive,
    Ended,
    /// Nothing that decides: Postgres must.
    Unknown,
}

/// Reads the entry of a session that a token says is `user`'s.
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
