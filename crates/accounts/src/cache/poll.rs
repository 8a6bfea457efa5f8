//! Lookups of a request that waits for a connection to Postgres.
//!
//! When the entry of a busy session expires, or Redis was flushed, all requests in progress miss it. The
//! first ones read Postgres and fill the cache. The others, queued for a connection, need not read the
//! same state again.

use std::time::Duration;

use spin_pg_bindings::redis::{Command, Reply};

use super::Cache;

/// Pause before each lookup.
const EVERY: Duration = Duration::from_millis(100);

impl Cache {
    /// Reads the entries of `keys` again and again until `decide` returns a result for them.
    pub(crate) async fn poll<T, const N: usize>(
        &self,
        keys: [String; N],
        decide: impl Fn(&[Reply]) -> Option<T>,
    ) -> T {
        let command = Command::new("MGET", keys);
        loop {
            self.deferred.sleep(EVERY).await;
            if let Ok(entries) = self.execute(&command).await
                && let Some(decided) = decide(&entries)
            {
                return decided;
            }
        }
    }
}
