//! Use cases of service accounts: one Postgres statement each, with a cache for the check of keys.

pub mod list;
pub(crate) mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;

use super::key::{ApiKeyId, NewKey};
use super::{NewServiceAccount, ServiceAccount, ServiceAccountId, ServiceAccountPatch};
use crate::audit::Actor;
use crate::cache::Cache;
use crate::pagination::TimeQuery;
use crate::{Error, Expected};
use list::Page;

/// The service accounts resource over its two stores. Cheap to clone.
#[derive(Clone)]
pub struct ServiceAccounts {
    database: Arc<dyn Database>,
    cache: Cache,
}

impl ServiceAccounts {
    pub fn new(database: Arc<dyn Database>, cache: Cache) -> Self {
        Self { database, cache }
    }

    /// Creates an account without keys.
    ///
    /// # Errors
    /// [`Error::NameTaken`] if another account has the name.
    pub async fn create(
        &self,
        new: &NewServiceAccount,
        actor: &Actor,
    ) -> Result<ServiceAccount, Error> {
        store::insert(&*self.database, ServiceAccountId::generate(), new, actor).await
    }

    /// Returns an account from Postgres.
    pub async fn get(&self, id: ServiceAccountId) -> Result<ServiceAccount, Error> {
        let account = store::find(&*self.database, id).await?;
        account.ok_or(Error::NotFound)
    }

    /// Returns one page of accounts.
    pub async fn list(&self, query: &TimeQuery) -> Result<Page, Error> {
        store::list(&*self.database, query).await
    }

    /// Changes an account if its version is as `expected`. A patch without effect changes nothing.
    pub async fn update(
        &self,
        id: ServiceAccountId,
        patch: &ServiceAccountPatch,
        expected: Expected,
        actor: &Actor,
    ) -> Result<ServiceAccount, Error> {
        self.change(
            id,
            store::update(&*self.database, id, patch, expected, actor),
        )
        .await
    }

    /// Deletes an account with its keys if its version is as `expected`.
    pub async fn delete(
        &self,
        id: ServiceAccountId,
        expected: Expected,
        actor: &Actor,
    ) -> Result<(), Error> {
        let generation = self.cache.generation();
        let deleted = store::delete(&*self.database, id, expected, actor).await;
        self.cache.settle_account(deleted, id).await?;
        self.cache.forget_account(id, &generation).await;
        Ok(())
    }

    /// Creates a key that is valid for this number of days. Expired keys of the account are deleted.
    ///
    /// # Errors
    /// [`Error::TooManyKeys`] if the account has two keys that have not expired.
    pub async fn create_key(
        &self,
        id: ServiceAccountId,
        days: i32,
        actor: &Actor,
    ) -> Result<(NewKey, ServiceAccount), Error> {
        let key = NewKey::generate(id)?;
        let created = store::create_key(&*self.database, id, &key, days, actor);
        let account = self.change(id, created).await?;
        Ok((key, account))
    }

    /// Deletes a key: requests with it are rejected from now on.
    pub async fn delete_key(
        &self,
        id: ServiceAccountId,
        key: ApiKeyId,
        actor: &Actor,
    ) -> Result<(), Error> {
        let deleted = store::delete_key(&*self.database, id, key, actor);
        self.change(id, deleted).await.map(|_| ())
    }

    /// Runs a change, and updates the cache entry.
    async fn change(
        &self,
        id: ServiceAccountId,
        change: impl Future<Output = Result<ServiceAccount, Error>>,
    ) -> Result<ServiceAccount, Error> {
        let generation = self.cache.generation();
        let account = self.cache.settle_account(change.await, id).await?;
        self.cache.replace_account(&account, &generation).await;
        Ok(account)
    }
}
