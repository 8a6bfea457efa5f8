//! Argon2id, in a limited number of threads at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::problem::Problem;

/// Longest wait for a slot; the request is then rejected.
const WAIT: Duration = Duration::from_millis(500);
/// Requests that may wait; further ones are rejected at once.
const WAITING: usize = 3;

/// Hashing slots.
pub struct Passwords {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A slot, released when it is dropped.
pub struct Slot(OwnedSemaphorePermit);

impl Passwords {
    pub fn new(slots: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Returns a slot for one hash; 503 when none becomes free in time.
    pub async fn slot(&self) -> Result<Slot, Problem> {
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            return Ok(Slot(slot));
        }
        let mut acquired = None;
        if self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING {
            let slot = timeout(WAIT, self.slots.clone().acquire_owned()).await;
            acquired = slot.ok().and_then(Result::ok);
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        acquired.map(Slot).ok_or_else(Problem::busy)
    }
}

impl Slot {
    /// Hashes a new password.
    pub async fn hash(self, password: String) -> Result<String, Problem> {
        self.run(move || hash(&password)).await
    }

    /// Verifies a password. Without a stored hash it takes the same time and fails.
    pub async fn verify(self, guess: String, stored: Option<String>) -> Result<bool, Problem> {
        self.run(move || match stored {
            Some(stored) => {
                let stored = phc::PasswordHash::new(&stored)?;
                Ok(argon2()?.verify_password(guess.as_bytes(), &stored).is_ok())
            }
            None => hash(&guess).map(|_| false),
        })
        .await
    }

    /// Runs the work on a blocking thread, with the slot: a client that disconnects does not free it
    /// while the thread still computes.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self(permit) = self;
        let done = spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await
            .map_err(Problem::internal)?
            .map_err(Problem::internal)
    }
}

fn argon2() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(19_456, 2, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> anyhow::Result<String> {
    Ok(argon2()?.hash_password(password.as_bytes())?.to_string())
}
