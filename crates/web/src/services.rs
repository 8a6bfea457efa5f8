//! Use cases shared by several components, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use accounts::admission::RateLimit;
use accounts::breached::BreachedPasswords;
use accounts::credentials::AttemptLimits;
use accounts::keys::Purpose;
use accounts::{
    Admission, Bootstrap, Cache, Credentials, Deferred, Hasher, NewPasswords, Passwords, RootKey,
    SessionPolicy, Sessions, Users,
};
use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::Redis;

use crate::Metrics;
use crate::config::{ConfigError, Variables};
use crate::gate::{Gate, ProxyHops};
use crate::tokens::Verifier;

/// Stores and services that the host provides.
#[derive(Clone)]
pub struct Stores {
    pub database: Arc<dyn Database>,
    pub redis: Arc<dyn Redis>,
    pub deferred: Arc<dyn Deferred>,
    pub breached: BreachedPasswords,
}

impl Stores {
    /// Metrics reporter of this instance.
    pub fn metrics(&self) -> Metrics {
        Metrics::new(self.redis.clone(), self.deferred.clone())
    }
}

/// Variables of [`Services::read`], besides those of the tokens.
pub const VARIABLES: &[&str] = &[
    "breach_check_url",
    "cache_ttl_seconds",
    "cursor_key",
    "hash_slots",
    "host_id",
    "login_attempts_per_account",
    "login_attempts_per_ip",
    "login_delay_seconds",
    "rate_limit_requests",
    "rate_limit_window_seconds",
    "trusted_proxy_hops",
];

/// Variables of [`session_policy`].
pub const SESSION_VARIABLES: &[&str] = &[
    "max_sessions",
    "refresh_grace_seconds",
    "session_absolute_days",
    "session_idle_days",
];

/// # Errors
/// Names the first invalid variable.
pub fn session_policy(variables: &Variables) -> Result<SessionPolicy, ConfigError> {
    let policy = SessionPolicy {
        idle_days: variables.number("session_idle_days", 1..=365)?,
        absolute_days: variables.number("session_absolute_days", 1..=365)?,
        max_sessions: variables.number("max_sessions", 1..=1000)?,
        refresh_grace_seconds: variables.number("refresh_grace_seconds", 0..=60)?,
    };
    match policy.idle_days > policy.absolute_days {
        true => Err(ConfigError::new(
            "session_idle_days",
            "must be at most session_absolute_days",
        )),
        false => Ok(policy),
    }
}

/// Use cases built on the stores.
#[derive(Clone)]
pub struct Services {
    pub gate: Gate,
    pub users: Users,
    pub passwords: Passwords,
    pub hasher: Hasher,
    /// Root of all keys except those of the tokens.
    pub root_key: RootKey,
    stores: Stores,
    cache: Cache,
    credentials: Credentials,
}

impl Services {
    /// # Errors
    /// Names the first invalid variable.
    pub fn read(
        variables: &Variables,
        stores: Stores,
        tokens: Verifier,
    ) -> Result<Self, ConfigError> {
        let seconds = |name, range| variables.number(name, range).map(Duration::from_secs);
        let root_key = RootKey::new(&variables.secret("cursor_key")?);
        let Stores {
            database,
            redis,
            deferred,
            breached,
        } = stores.clone();
        let cache_ttl = seconds("cache_ttl_seconds", 1..=30)?;
        let cache = Cache::new(redis, cache_ttl, deferred, &root_key);
        let slots = variables.number("hash_slots", 1..=64)?;
        let host = variables.text("host_id")?;
        let hasher = Hasher::new(cache.clone(), database.clone(), host, slots);
        let limits = AttemptLimits {
            per_account: variables.number("login_attempts_per_account", 1..=1_000_000)?,
            per_address: variables.number("login_attempts_per_ip", 1..=1_000_000)?,
            first_delay: seconds("login_delay_seconds", 1..=900)?,
        };
        let emails = root_key.fingerprint_key(Purpose::LoginEmail);
        let credentials = Credentials::new(database.clone(), hasher.clone(), limits, emails);
        let new_passwords = NewPasswords::new(breached, hasher.clone());
        let limit = RateLimit {
            requests: variables.number("rate_limit_requests", 0..=1_000_000)?,
            window: seconds("rate_limit_window_seconds", 1..=86_400)?,
        };
        let limit = Some(limit).filter(|limit| limit.requests > 0);
        let admission = Admission::new(database.clone(), cache.clone(), limit);
        let hops = ProxyHops(variables.number("trusted_proxy_hops", 0..=16)?);
        let addresses = root_key.fingerprint_key(Purpose::Address);
        Ok(Self {
            gate: Gate::new(tokens, admission, hops, addresses),
            users: Users::new(
                database.clone(),
                cache.clone(),
                new_passwords.clone(),
                &root_key,
            ),
            passwords: Passwords::new(database, cache.clone(), credentials.clone(), new_passwords),
            hasher,
            root_key,
            stores,
            cache,
            credentials,
        })
    }

    /// Creates the session use cases; `bootstrap` and `policy` are for the component that signs users in.
    pub fn sessions(&self, bootstrap: Option<Bootstrap>, policy: SessionPolicy) -> Sessions {
        let database = self.stores.database.clone();
        Sessions::new(
            database,
            self.cache.clone(),
            self.credentials.clone(),
            bootstrap,
            policy,
            self.root_key.fingerprint_key(Purpose::RefreshToken),
        )
    }
}
