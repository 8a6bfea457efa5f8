//! Users as an operator of the database manages them: no component, no Redis, no login.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use accounts::keys::Purpose;
use accounts::login_attempts::AttemptLimits;
use accounts::password::breached::BreachedPasswords;
use accounts::password::service::ResetToken;
use accounts::user::email::Email;
use accounts::user::service::list::{ListParameters, ListQuery};
use accounts::{
    Actor, Bootstrap, Cache, Deferred, Error, HashSlots, LoginAttempts, NewPasswords, NewUser,
    Passwords, Role, RootKey, User, Users,
};
use anyhow::{Result, anyhow};
use async_trait::async_trait;
use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::{Command, Redis, RedisError, Reply};

use crate::database::connect;

/// An unused cache: no entry is sealed, so the key does not matter.
fn unused_cache() -> Cache {
    let (redis, deferred) = (Arc::new(NoRedis), Arc::new(Tokio));
    let root = RootKey::new(b"nothing is sealed");
    Cache::new(redis, Duration::from_secs(1), deferred, &root)
}

/// Use cases that leave the cache alone: they create users and tokens, and change no user.
pub struct Operator {
    database: Arc<dyn Database>,
    hash_slots: HashSlots,
    users: Users,
    passwords: Passwords,
    /// Request id in the audit trail.
    run: String,
}

impl Operator {
    /// Works on the database at `url`, which must be migrated.
    pub async fn connect(url: &str) -> Result<Self> {
        let number = getrandom::u64().map_err(|error| anyhow!("no random bytes: {error}"))?;
        let run = format!("roster-admin-{number:016x}");
        let database: Arc<dyn Database> = Arc::new(connect(url).await?);
        let cache = unused_cache();
        // Slots of its own, in Postgres: it does not compete with the app for slots.
        let hash_slots = HashSlots::new(cache.clone(), database.clone(), &run, 1);
        // Nobody logs in here, so nothing is counted.
        let limits = AttemptLimits {
            per_account: 1,
            per_address: 1,
            first_delay: Duration::ZERO,
        };
        // No idempotency key and no email of a login attempt occurs here.
        let unused = RootKey::new(b"unused");
        let emails = unused.fingerprint_key(Purpose::LoginEmail);
        let login_attempts =
            LoginAttempts::new(database.clone(), hash_slots.clone(), limits, emails);
        let new_passwords = NewPasswords::new(BreachedPasswords::off(), hash_slots.clone());
        Ok(Self {
            users: Users::new(
                database.clone(),
                cache.clone(),
                new_passwords.clone(),
                &unused,
            ),
            passwords: Passwords::new(database.clone(), cache, login_attempts, new_passwords),
            database,
            hash_slots,
            run,
        })
    }

    /// Creates the first admin; false when the database has, or once had, one.
    pub async fn create_first_admin(&self, email: &Email, password: &str) -> Result<bool, Error> {
        let bootstrap = Bootstrap::new(email.clone(), password, self.hash_slots.clone())
            .map_err(|problem| Error::Internal(format!("the password {problem}")))?;
        let created = bootstrap.create(&*self.database, &self.actor()).await?;
        Ok(created.is_some())
    }

    /// Creates a user.
    pub async fn create_user(&self, new: NewUser) -> Result<User, Error> {
        self.users.create_user(new, None, &self.actor()).await
    }

    /// Returns every admin, oldest first.
    pub async fn admins(&self) -> Result<Vec<User>, Error> {
        let mut admins = Vec::new();
        let add = |admin| -> Result<(), Error> {
            admins.push(admin);
            Ok(())
        };
        self.visit_users(Some(Role::Admin), add).await?;
        Ok(admins)
    }

    /// Passes every user with this role, or with any, to `visit`, oldest first, until it fails.
    pub async fn visit_users<E: From<Error>>(
        &self,
        role: Option<Role>,
        mut visit: impl FnMut(User) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut query = ListQuery::parse(&ListParameters {
            role: role.map(|role| role.as_str().into()),
            sort: Some("created_at".into()),
            limit: Some("100".into()),
            ..ListParameters::default()
        })?;
        loop {
            let page = self.users.list_users(&query).await?;
            page.items.into_iter().try_for_each(&mut visit)?;
            match page.next {
                Some(position) => query.after = Some(position),
                None => return Ok(()),
            }
        }
    }

    /// Returns the user with this email; [`Error::NotFound`] when there is none.
    pub async fn find(&self, email: &str) -> Result<User, Error> {
        let query = ListQuery::parse(&ListParameters {
            email: Some(email.into()),
            ..ListParameters::default()
        })?;
        let page = self.users.list_users(&query).await?;
        page.items.into_iter().next().ok_or(Error::NotFound)
    }

    /// Creates a token with which `user` can set a password.
    pub async fn create_reset_token(&self, user: &User) -> Result<ResetToken, Error> {
        self.passwords
            .create_reset_token(user.id, None, &self.actor())
            .await
    }

    fn actor(&self) -> Actor {
        Actor::anonymous(self.run.as_str())
    }
}

/// Turns an error into a sentence for the command line.
pub fn explain(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid(fields) => {
            let sentences = fields.iter().map(|field| {
                let name = field.pointer.trim_start_matches("#/").replace('_', " ");
                format!("the {name} {}", field.detail)
            });
            anyhow!("{}", sentences.collect::<Vec<_>>().join("; "))
        }
        Error::EmailTaken => anyhow!("a user with this email already exists"),
        Error::NotFound => anyhow!("no user has this email"),
        other => anyhow!(other),
    }
}

/// No Redis: leases in it fall back to Postgres.
struct NoRedis;

#[async_trait]
impl Redis for NoRedis {
    async fn execute(&self, _: &Command) -> Result<Vec<Reply>, RedisError> {
        Err(RedisError::Connection("Redis is not used here".into()))
    }
}

struct Tokio;

#[async_trait]
impl Deferred for Tokio {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(work);
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests;
