//! Authentication of service accounts by their keys.

use spin_pg_bindings::redis::Reply;
use time::OffsetDateTime;

use super::{Authenticator, Found};
use crate::cache;
use crate::metrics::{self, Event};
use crate::service_account::key::PresentedKey;
use crate::service_account::service::store;
use crate::{Error, ServiceAccount};

impl Authenticator {
    /// Returns the account of a valid key, from the cache if it has the account, otherwise from Postgres.
    pub(super) async fn service_account(
        &self,
        found: &Found,
        key: &PresentedKey,
    ) -> Result<Option<ServiceAccount>, Error> {
        let now = OffsetDateTime::now_utc();
        let read = |entry: &Reply| self.cache.read_account(entry, key.account);
        if let Some(account) = found.first.as_ref().and_then(read) {
            metrics::count(Event::CacheHit);
            return Ok(self.used(account, key, now));
        }
        metrics::count(Event::CacheMiss);
        let generation = self.cache.generation();
        let mut meanwhile = None;
        let superseded = Box::pin(async {
            let keys = [cache::account_key(key.account)];
            meanwhile = Some(
                self.cache
                    .poll(keys, |entries: &[Reply]| read(entries.first()?))
                    .await,
            );
        });
        let account = match store::find_unless(&*self.database, superseded, key.account).await? {
            Some(Some(account)) => {
                self.cache.keep_account(&account, &generation);
                account
            }
            Some(None) => return Ok(None),
            None => meanwhile.ok_or_else(|| Error::Internal("superseded by nothing".into()))?,
        };
        Ok(self.used(account, key, now))
    }

    /// Returns the account if the key is valid. Its first use on a day is recorded after the response.
    fn used(
        &self,
        account: ServiceAccount,
        key: &PresentedKey,
        now: OffsetDateTime,
    ) -> Option<ServiceAccount> {
        let used = account.accepts(key, now)?;
        let (key, today) = (used.id, now.date().to_string());
        if used.last_used_on.as_ref() != Some(&today) {
            let (database, cache, id) = (self.database.clone(), self.cache.clone(), account.id);
            let generation = cache.generation();
            self.cache.deferred().spawn(Box::pin(async move {
                let touched = store::touch(&*database, id, key).await;
                if let Ok(Some(account)) = touched {
                    cache.keep_account(&account, &generation);
                }
            }));
        }
        Some(account)
    }
}
