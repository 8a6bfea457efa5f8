//! Redis: users, sessions and rates, over one connection that pipelines concurrent commands.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use redis::{RedisResult, Script};
use uuid::Uuid;

use crate::admission::RateLimit;
use crate::settings::Settings;
use crate::user::User;

/// Entry of a session that has ended.
pub const ENDED: &str = "-";
/// Key that never has an entry.
const NOTHING: &str = "roster:nothing";
const PATIENCE: Duration = Duration::from_secs(1);
/// Extra lifetime of an ended session's entry: a reader that read Postgres before may still write.
const ENDED_MARGIN_SECONDS: u64 = 5;

/// Keys that are read to admit a request.
pub struct Question {
    /// User and session that a token names.
    pub caller: Option<(Uuid, Uuid)>,
    /// Another user, which the request is about.
    pub about: Option<Uuid>,
    /// Fingerprint of the client's network.
    pub client: String,
}

/// Entries in Redis, and the caller's rate.
#[derive(Default)]
pub struct Found {
    pub session: Option<String>,
    pub caller: Option<User>,
    pub about: Option<User>,
    /// Allowed, remaining, milliseconds until the full limit is available, and until the next request.
    pub rate: Option<(bool, u64, u64, u64)>,
}

type Reply = (
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    u64,
    u64,
    u64,
);

/// Entries of users and sessions. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    redis: ConnectionManager,
    admit: Arc<Script>,
    keep: Arc<Script>,
    ttl_seconds: u32,
}

impl Cache {
    pub async fn connect(settings: &Settings) -> Result<Self> {
        let address = ConnectionAddr::Tcp(settings.redis_host.clone(), settings.redis_port);
        let mut login = RedisConnectionInfo::default();
        if !settings.redis_password.is_empty() {
            login = login.set_password(&settings.redis_password);
        }
        let info = address.into_connection_info()?.set_redis_settings(login);
        // A request without Redis continues at once; the next one reconnects.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        Ok(Self {
            redis: ConnectionManager::new_with_config(Client::open(info)?, config).await?,
            admit: Arc::new(Script::new(include_str!("../../statements/admit.lua"))),
            keep: Arc::new(Script::new(include_str!("../../statements/keep.lua"))),
            ttl_seconds: settings.cache_ttl_seconds,
        })
    }

    pub async fn ping(&self) -> bool {
        self.redis.clone().ping::<()>().await.is_ok()
    }

    /// Reads session, caller, the other user and the rate in one round trip.
    pub async fn find(&self, question: &Question, limit: &RateLimit) -> RedisResult<Found> {
        let or_nothing = |key: Option<String>| key.unwrap_or_else(|| NOTHING.to_owned());
        let (caller, session) = question.caller.unzip();
        let address = format!("roster:rate:address:{}", question.client);
        let rate = caller.map(|id| format!("roster:rate:user:{id}"));
        let mut call = self.admit.prepare_invoke();
        call.key(or_nothing(session.map(session_key)))
            .key(or_nothing(caller.map(user_key)))
            .key(or_nothing(question.about.map(user_key)))
            .key(rate.as_ref().unwrap_or(&address))
            .key(&address)
            .arg(limit.requests)
            .arg(u64::from(limit.window_seconds) * 1_000)
            .arg(ENDED);
        let mut redis = self.redis.clone();
        let (session, caller, about, allowed, remaining, reset, retry): Reply =
            call.invoke_async(&mut redis).await?;
        Ok(Found {
            session,
            caller: caller.as_deref().and_then(read_user),
            about: about.as_deref().and_then(read_user),
            rate: (limit.requests > 0).then_some((allowed == 1, remaining, reset, retry)),
        })
    }

    /// Caches a user, and their session if it is known to be alive.
    pub async fn put(&self, user: &User, session: Option<Uuid>) -> Result<()> {
        let json = serde_json::to_string(user)?;
        let mut call = self.keep.prepare_invoke();
        call.key(user_key(user.id));
        if let Some(session) = session {
            call.key(session_key(session));
        }
        call.arg(u64::from(self.ttl_seconds) * 1_000)
            .arg(user.stamp())
            .arg(json)
            .arg(alive(user));
        Ok(call.invoke_async(&mut self.redis.clone()).await?)
    }

    /// Does the same after the response. Losing an entry only costs speed.
    pub fn keep(&self, user: User, session: Option<Uuid>) {
        let cache = self.clone();
        tokio::spawn(async move {
            let _ = cache.put(&user, session).await;
        });
    }

    /// Marks the session as ended. If Redis is down, nobody reads it, and its entries expire by
    /// themselves.
    pub async fn end(&self, session: Uuid) {
        let ttl = u64::from(self.ttl_seconds) + ENDED_MARGIN_SECONDS;
        let mut redis = self.redis.clone();
        let _: RedisResult<()> = redis.set_ex(session_key(session), ENDED, ttl).await;
    }
}

/// Reads `<stamp>:<JSON>`.
fn read_user(entry: &str) -> Option<User> {
    let (_, json) = entry.split_once(':')?;
    serde_json::from_str(json).ok()
}

/// Returns the entry of a live session of `user`.
pub fn alive(user: &User) -> String {
    format!("{}:{}", user.id, user.session_epoch)
}

fn user_key(id: Uuid) -> String {
    format!("roster:user:{id}")
}

fn session_key(id: Uuid) -> String {
    format!("roster:session:{id}")
}
