//! Access control and use cases shared by several components, built from the configuration.

use std::sync::Arc;
use std::time::Duration;

use accounts::authentication::RateLimit;
use accounts::keys::Purpose;
use accounts::login_attempts::AttemptLimits;
use accounts::password::breached::BreachedPasswords;
use accounts::user::attributes::schema::Schema;
use accounts::{
    Authenticator, Bootstrap, Cache, Deferred, HashSlots, LoginAttempts, NewPasswords, Passwords,
    RootKey, ServiceAccounts, SessionPolicy, Sessions, Users,
};
use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::Redis;

use crate::Metrics;
use crate::auth::access_control::{AccessControl, ProxyHops};
use crate::auth::access_token::Verifier;
use crate::config::{ConfigError, Variables};

/// Stores and services that the host provides.
#[derive(Clone)]
pub struct Stores {
    pub database: Arc<dyn Database>,
    pub redis: Arc<dyn Redis>,
    pub deferred: Arc<dyn Deferred>,
}

impl Stores {
    /// Metrics reporter of this instance.
    pub fn metrics(&self) -> Metrics {
        Metrics::new(self.redis.clone(), self.deferred.clone())
    }
}

/// Reads the lifetimes of sessions.
///
/// # Errors
/// Names the first invalid variable.
pub fn session_policy(variables: &Variables) -> Result<SessionPolicy, ConfigError> {
    let policy = SessionPolicy {
        idle_days: variables.number("session_idle_days")?,
        absolute_days: variables.number("session_absolute_days")?,
        max_sessions: variables.number("max_sessions")?,
        refresh_grace_seconds: variables.number("refresh_grace_seconds")?,
    };
    match policy.idle_days > policy.absolute_days {
        true => Err(ConfigError::new(
            "session_idle_days",
            "must be at most session_absolute_days",
        )),
        false => Ok(policy),
    }
}

/// Reads the definitions of attributes.
///
/// # Errors
/// Names `user_attributes`, with the reason.
pub fn attributes(variables: &Variables) -> Result<Schema, ConfigError> {
    const NAME: &str = "user_attributes";
    Schema::parse(variables.optional(NAME).unwrap_or_default())
        .map_err(|problem| ConfigError::new(NAME, problem))
}

/// Access control over the stores, which every endpoint group with users needs.
#[derive(Clone)]
pub struct Access {
    pub control: AccessControl,
    /// Root of all keys except those of the tokens.
    pub root_key: RootKey,
    cache: Cache,
}

impl Access {
    /// # Errors
    /// Names the first invalid variable.
    pub fn read(
        variables: &Variables,
        stores: &Stores,
        tokens: Verifier,
    ) -> Result<Self, ConfigError> {
        let root_key = RootKey::new(variables.secret("cursor_key")?);
        let cache_ttl = seconds(variables, "cache_ttl_seconds")?;
        let Stores {
            database,
            redis,
            deferred,
        } = stores.clone();
        let cache = Cache::new(redis, cache_ttl, deferred, &root_key);
        let limit = RateLimit {
            requests: variables.number("rate_limit_requests")?,
            window: seconds(variables, "rate_limit_window_seconds")?,
        };
        let limit = Some(limit).filter(|limit| limit.requests > 0);
        let authenticator = Authenticator::new(database, cache.clone(), limit);
        let hops = ProxyHops(variables.number("trusted_proxy_hops")?);
        let addresses = root_key.fingerprint_key(Purpose::Address);
        Ok(Self {
            control: AccessControl::new(tokens, authenticator, hops, addresses),
            root_key,
            cache,
        })
    }
}

fn seconds(variables: &Variables, name: &'static str) -> Result<Duration, ConfigError> {
    variables.number(name).map(Duration::from_secs)
}

/// Use cases of users, passwords and sessions, with the access control of their endpoints.
#[derive(Clone)]
pub struct Services {
    pub access_control: AccessControl,
    pub users: Users,
    pub passwords: Passwords,
    pub hash_slots: HashSlots,
    /// Root of all keys except those of the tokens.
    pub root_key: RootKey,
    stores: Stores,
    cache: Cache,
    login_attempts: LoginAttempts,
}

impl Services {
    /// # Errors
    /// Names the first invalid variable.
    pub fn read(
        variables: &Variables,
        stores: Stores,
        breached: BreachedPasswords,
        tokens: Verifier,
    ) -> Result<Self, ConfigError> {
        let Access {
            control: access_control,
            root_key,
            cache,
        } = Access::read(variables, &stores, tokens)?;
        let database = stores.database.clone();
        let slots = variables.number("hash_slots")?;
        let host = variables.text("host_id")?;
        let hash_slots = HashSlots::new(cache.clone(), database.clone(), host, slots);
        let limits = AttemptLimits {
            per_account: variables.number("login_attempts_per_account")?,
            per_address: variables.number("login_attempts_per_ip")?,
            first_delay: seconds(variables, "login_delay_seconds")?,
        };
        let emails = root_key.fingerprint_key(Purpose::LoginEmail);
        let login_attempts =
            LoginAttempts::new(database.clone(), hash_slots.clone(), limits, emails);
        let new_passwords = NewPasswords::new(breached, hash_slots.clone());
        Ok(Self {
            access_control,
            users: Users::new(
                database.clone(),
                cache.clone(),
                new_passwords.clone(),
                &root_key,
            ),
            passwords: Passwords::new(
                database,
                cache.clone(),
                login_attempts.clone(),
                new_passwords,
            ),
            hash_slots,
            root_key,
            stores,
            cache,
            login_attempts,
        })
    }

    /// Creates the use cases of service accounts.
    pub fn service_accounts(&self) -> ServiceAccounts {
        ServiceAccounts::new(self.stores.database.clone(), self.cache.clone())
    }

    /// Creates the session use cases; `bootstrap` and `policy` are for the component that signs users in.
    pub fn sessions(&self, bootstrap: Option<Bootstrap>, policy: SessionPolicy) -> Sessions {
        let database = self.stores.database.clone();
        Sessions::new(
            database,
            self.cache.clone(),
            self.login_attempts.clone(),
            bootstrap,
            policy,
            self.root_key.fingerprint_key(Purpose::RefreshToken),
        )
    }
}
