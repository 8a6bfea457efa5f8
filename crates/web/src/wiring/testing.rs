//! Fixtures of the routers' native tests: stores with scripted results, and a caller that access control admits.

#![allow(clippy::panic, clippy::unwrap_used, reason = "for tests")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use accounts::cache::user_entry;
use accounts::user::attributes::Attributes;
use accounts::{Deferred, RootKey, SessionId, User};
use async_trait::async_trait;
use spin_pg_bindings::postgres::{Database, Error, Param, Row};
use spin_pg_bindings::redis::{Arg, Command, Redis, RedisError, Reply};

use crate::auth::access_token::Signer;
use crate::config::{HttpConfig, Variables};
use crate::middleware::log::{Level, Log};
use crate::wiring::services::Stores;

/// A database that returns these results in order; a statement beyond the last one fails the test.
pub struct ScriptedDatabase(Mutex<std::vec::IntoIter<Result<Vec<Row>, Error>>>);

impl ScriptedDatabase {
    pub fn new(results: Vec<Result<Vec<Row>, Error>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(results.into_iter())))
    }

    /// Number of results that no statement has used.
    pub fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[async_trait]
impl Database for ScriptedDatabase {
    async fn read(&self, sql: &str, _: Vec<Param>) -> Result<Vec<Row>, Error> {
        let result = self.0.lock().unwrap().next();
        result.unwrap_or_else(|| panic!("unexpected statement: {sql}"))
    }

    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.read(sql, params).await
    }
}

/// A Redis that contains one caller and their session, limits no client, and always has a free hash slot.
pub struct RedisWithCaller(pub Option<User>);

#[async_trait]
impl Redis for RedisWithCaller {
    async fn execute(&self, command: &Command) -> Result<Vec<Reply>, RedisError> {
        // Only access control reads several entries or has six keys.
        if command.name != "MGET" && command.args.get(1) != Some(&Arg::Int(6)) {
            return Ok(vec![Reply::Int(1)]);
        }
        let entries = self.0.as_ref().map(|user| {
            let root = RootKey::new(variables().secret("cursor_key").unwrap());
            let session = format!("{}:{}", user.id, user.session_epoch);
            let user = user_entry(&root, user).unwrap();
            (Reply::Bytes(session.into_bytes()), Reply::Bytes(user))
        });
        let (session, user) = entries.unwrap_or((Reply::Nil, Reply::Nil));
        let rate = [1, 0, 0, 0].map(Reply::Int);
        let generation = Reply::Bytes(b"the first".to_vec());
        Ok([session, user, Reply::Nil, generation]
            .into_iter()
            .chain(rate)
            .collect())
    }
}

struct NoDeferred;

#[async_trait]
impl Deferred for NoDeferred {
    fn spawn(&self, _: Pin<Box<dyn Future<Output = ()> + Send>>) {}
    async fn sleep(&self, _: Duration) {}
}

/// Stores with `database`, and a Redis that contains `caller`.
pub fn stores(database: Arc<ScriptedDatabase>, caller: Option<User>) -> Stores {
    Stores {
        database,
        redis: Arc::new(RedisWithCaller(caller)),
        deferred: Arc::new(NoDeferred),
    }
}

/// All variables of a component with access control, without a rate limit.
pub fn variables() -> Variables {
    let defaults =
        settings::all().map(|setting| (setting.name, setting.default.unwrap_or_default()));
    Variables::from_pairs(defaults.chain([
        ("cursor_key", "5a3f0c9be1d24786a0f3c8e75b1d9264"),
        ("jwt_secret", "3b9f0c1de5a7846290fbd13c57e8a492"),
        ("rate_limit_requests", "0"),
    ]))
}

/// The Authorization header of `user`.
pub fn authorization(user: &User) -> String {
    let signer = Signer::read(&variables()).unwrap();
    let token = signer
        .sign(user.id, SessionId::generate(), Attributes::default())
        .unwrap();
    format!("Bearer {token}")
}

/// Configuration without CORS that logs errors only.
pub fn quiet() -> HttpConfig {
    HttpConfig {
        allowed_origins: Vec::new(),
        log: Log::new(Level::Error, "roster", "test"),
    }
}
