//! The users use cases: one Postgres statement each, with a cache of single users beside it.

pub mod cache;
pub mod list;
mod store;

use std::sync::Arc;
use std::time::Duration;

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::Redis;

use crate::breached::BreachedPasswords;
use crate::idempotency::IdempotentRequest;
use crate::{Error, FieldError, NewUser, User, UserId, UserPatch};
use cache::UserCache;
use list::{ListQuery, Page};

pub use cache::Deferred;
pub use store::SCHEMA_VERSION;

/// The users resource over its two stores. Cheap to clone.
#[derive(Clone)]
pub struct Users {
    database: Arc<dyn Database>,
    cache: UserCache,
    breached: BreachedPasswords,
}

impl Users {
    /// `cache_ttl` bounds how long a cached user may outlive a change that could not be told to
    /// Redis; `deferred` runs what must outlive the request.
    pub fn new(
        database: Arc<dyn Database>,
        redis: Arc<dyn Redis>,
        cache_ttl: Duration,
        deferred: Arc<dyn Deferred>,
        breached: BreachedPasswords,
    ) -> Self {
        Self {
            database,
            cache: UserCache::new(redis, cache_ttl, deferred),
            breached,
        }
    }

    /// Creates a user; under an idempotency key, a request that came before gets the user as it
    /// was answered then.
    pub async fn create_user(
        &self,
        new: NewUser,
        request: Option<IdempotentRequest>,
    ) -> Result<User, Error> {
        if let Some(password) = &new.password
            && let Err(detail) = self.breached.refuse_breached(password).await
        {
            // The same request may have passed before, when nobody could be asked: its answer stands.
            let replayed = match &request {
                Some(request) => self.replay(request).await?,
                None => None,
            };
            let refused = || Error::Invalid(vec![FieldError::new("password", detail)]);
            return replayed.ok_or_else(refused);
        }
        let hash = new
            .password
            .as_ref()
            .map(|password| password.hash())
            .transpose()?;
        let id = UserId::generate();
        let Some(request) = request else {
            return store::insert(&*self.database, id, &new, hash.as_ref()).await;
        };
        match store::insert_once(&*self.database, id, &new, hash.as_ref(), &request).await {
            Ok(store::Once::Created(user)) => Ok(user),
            Ok(store::Once::InFlight) => Err(Error::KeyInFlight),
            Ok(store::Once::Seen) => self.replay(&request).await?.ok_or(Error::KeyInFlight),
            // The winner of a race holds both the key and the email: the key decides.
            Err(Error::EmailTaken) => self.replay(&request).await?.ok_or(Error::EmailTaken),
            Err(error) => Err(error),
        }
    }

    async fn replay(&self, request: &IdempotentRequest) -> Result<Option<User>, Error> {
        match store::find_answer(&*self.database, request).await? {
            Some((body_sha256, _)) if body_sha256 != request.body_sha256 => Err(Error::KeyReused),
            Some((_, user)) => Ok(Some(user)),
            None => Ok(None),
        }
    }

    /// The user, from the cache when it has it.
    pub async fn get_user(&self, id: UserId) -> Result<User, Error> {
        if let Some(user) = self.cache.get(id).await {
            return Ok(user);
        }
        let user = store::find(&*self.database, id)
            .await?
            .ok_or(Error::NotFound)?;
        self.cache.put(&user).await;
        Ok(user)
    }

    /// One page of users.
    pub async fn list_users(&self, query: &ListQuery) -> Result<Page, Error> {
        store::list(&*self.database, query).await
    }

    /// Changes a user whose version is among `expected` (`None`: any).
    /// An empty patch changes nothing and answers the current state.
    pub async fn update_user(
        &self,
        id: UserId,
        patch: &UserPatch,
        expected: Option<Vec<i64>>,
    ) -> Result<User, Error> {
        if patch.is_empty() {
            // From Postgres: the comparison must see the current version.
            let user = store::find(&*self.database, id)
                .await?
                .ok_or(Error::NotFound)?;
            let fits = expected.is_none_or(|versions| versions.contains(&user.version));
            return if fits { Ok(user) } else { Err(Error::Stale) };
        }
        let user = store::update(&*self.database, id, patch, expected).await?;
        self.cache.replace(&user).await;
        Ok(user)
    }

    /// Deletes a user whose version is among `expected` (`None`: any).
    pub async fn delete_user(&self, id: UserId, expected: Option<Vec<i64>>) -> Result<(), Error> {
        store::delete(&*self.database, id, expected).await?;
        self.cache.forget(id).await;
        Ok(())
    }
}
