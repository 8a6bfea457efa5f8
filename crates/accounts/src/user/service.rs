//! Use cases of users: one Postgres statement each, with a cache of single users.

pub mod export;
pub mod import;
pub mod list;
mod store;

use std::sync::Arc;

use spin_pg_bindings::postgres::Database;
use spin_pg_bindings::redis::Reply;

use crate::audit::{Action, Actor};
use crate::cache::{Cache, user_key};
use crate::idempotency::IdempotentRequest;
use crate::idempotency::store::replay;
use crate::keys::{FingerprintKey, Purpose, RootKey};
use crate::password::PasswordHash;
use crate::password::policy::NewPasswords;
use crate::user::own_data::OwnData;
use crate::{Error, Expected, NewUser, User, UserId, UserPatch};
use list::{ListQuery, Page};
use store::idempotent;

pub(crate) use store::{Outcome, columns, confirmation_check, outcome, user_if_any};

/// The users resource over its two stores. Cheap to clone.
#[derive(Clone)]
pub struct Users {
    database: Arc<dyn Database>,
    cache: Cache,
    passwords: NewPasswords,
    requests: FingerprintKey,
}

impl Users {
    /// Creates the use cases. The key of the requests' fingerprints is derived from `root_key`.
    pub fn new(
        database: Arc<dyn Database>,
        cache: Cache,
        passwords: NewPasswords,
        root_key: &RootKey,
    ) -> Self {
        Self {
            database,
            cache,
            passwords,
            requests: root_key.fingerprint_key(Purpose::Idempotency),
        }
    }

    /// Creates a user. A repeated request with the same idempotency key returns the user of the original
    /// response.
    pub async fn create_user(
        &self,
        new: NewUser,
        request: Option<IdempotentRequest>,
        actor: &Actor,
    ) -> Result<User, Error> {
        self.create(Action::UserCreated, new, request, actor).await
    }

    /// Registers a user at their own request: active and without privileges.
    pub async fn register_user(
        &self,
        new: NewUser,
        request: Option<IdempotentRequest>,
        actor: &Actor,
    ) -> Result<User, Error> {
        self.create(Action::UserRegistered, new, request, actor)
            .await
    }

    async fn create(
        &self,
        action: Action,
        new: NewUser,
        request: Option<IdempotentRequest>,
        actor: &Actor,
    ) -> Result<User, Error> {
        let fingerprint = self.fingerprint(&new);
        let hash = match &new.password {
            None => None,
            Some(password) => {
                // A repeated request is handled without hashing again.
                if let Some(request) = &request
                    && let Some(user) = replay(&*self.database, request, &fingerprint).await?
                {
                    return Ok(user);
                }
                Some(self.passwords.hash("password", password).await?)
            }
        };
        let insert = store::Insert {
            id: UserId::generate(),
            new: &new,
            hash: hash.as_ref(),
            action,
            actor,
        };
        let Some(request) = request else {
            return store::insert(&*self.database, &insert).await;
        };
        match idempotent::insert_idempotent(&*self.database, &insert, &request, &fingerprint).await
        {
            // The winner of a race has both the key and the email: the key decides.
            Err(Error::EmailTaken) => {
                let replayed = replay(&*self.database, &request, &fingerprint).await?;
                replayed.ok_or(Error::EmailTaken)
            }
            other => other,
        }
    }

    /// Fingerprint of the request without its password: neither a repetition nor the stored value must
    /// reveal that a guess is right.
    fn fingerprint(&self, new: &NewUser) -> Vec<u8> {
        let flags = [new.is_active.into(), new.password.is_some().into()];
        let mut parts = vec![
            new.email.as_str().as_bytes(),
            new.full_name.as_str().as_bytes(),
            new.role.as_str().as_bytes(),
            &flags,
        ];
        // Only if set, so that keys of releases without attributes remain valid.
        let attributes = new.attributes.to_json().map(|json| json.to_string());
        parts.extend(attributes.as_ref().map(String::as_bytes));
        self.requests.fingerprint(&parts)
    }

    /// Returns the user from Postgres after a miss in [`crate::Authenticator`], and caches it for the next
    /// request.
    pub async fn get_user(&self, id: UserId) -> Result<User, Error> {
        let generation = self.cache.generation();
        let mut meanwhile = None;
        let superseded = Box::pin(async {
            let read = |entries: &[Reply]| self.cache.read_user(entries.first()?, id);
            meanwhile = Some(self.cache.poll([user_key(id)], read).await);
        });
        let Some(user) = store::find_unless(&*self.database, superseded, id).await? else {
            return meanwhile.ok_or(Error::NotFound);
        };
        self.cache.keep(&user, None, &generation);
        Ok(user)
    }

    /// Returns the data that is stored about a user besides the user.
    pub async fn own_data(&self, user: UserId) -> Result<OwnData, Error> {
        store::own_data::own_data(&*self.database, user).await
    }

    /// Returns one page of users.
    pub async fn list_users(&self, query: &ListQuery) -> Result<Page, Error> {
        store::list::list(&*self.database, query).await
    }

    /// Changes a user if its version is as `expected`. An empty patch changes nothing and returns the
    /// current state.
    pub async fn update_user(
        &self,
        id: UserId,
        patch: &UserPatch,
        expected: impl Into<Expected>,
        actor: &Actor,
    ) -> Result<User, Error> {
        self.update_confirmed(id, patch, expected, None, actor)
            .await
    }

    /// Does the same for an actor who gave their password, with the hash `confirmed`, unless it is no
    /// longer the stored one. Changes of another admin's email or role require it.
    pub async fn update_confirmed(
        &self,
        id: UserId,
        patch: &UserPatch,
        expected: impl Into<Expected>,
        confirmed: Option<&PasswordHash>,
        actor: &Actor,
    ) -> Result<User, Error> {
        if patch.is_empty() {
            // Read from Postgres: the comparison needs the current version.
            let user = store::find(&*self.database, id)
                .await?
                .ok_or(Error::NotFound)?;
            let expected = expected.into();
            return match expected.unmet() {
                Some(error) if !expected.allows(user.version) => Err(error),
                _ => Ok(user),
            };
        }
        let generation = self.cache.generation();
        let updated = store::update(
            &*self.database,
            id,
            patch,
            expected.into(),
            confirmed,
            actor,
        )
        .await;
        let user = self.cache.settle(updated, Some(id), None).await?;
        self.cache.replace(&user, &generation).await;
        Ok(user)
    }

    /// Deletes a user if its version is as `expected`.
    pub async fn delete_user(
        &self,
        id: UserId,
        expected: impl Into<Expected>,
        actor: &Actor,
    ) -> Result<(), Error> {
        self.delete_confirmed(id, expected, None, actor).await
    }

    /// Does the same for an actor who gave their password, with the hash `confirmed`. A password is
    /// required to delete another admin.
    pub async fn delete_confirmed(
        &self,
        id: UserId,
        expected: impl Into<Expected>,
        confirmed: Option<&PasswordHash>,
        actor: &Actor,
    ) -> Result<(), Error> {
        let generation = self.cache.generation();
        let deleted = store::delete(&*self.database, id, expected.into(), confirmed, actor).await;
        self.cache.settle(deleted, Some(id), None).await?;
        self.cache.forget(id, &generation).await;
        Ok(())
    }
}
