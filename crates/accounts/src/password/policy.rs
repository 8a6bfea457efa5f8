//! Acceptance of new passwords.

use crate::Error;
use crate::password::breached::BreachedPasswords;
use crate::password::hash_slots::HashSlots;
use crate::password::{Password, PasswordHash};

/// Turns acceptable new passwords into hashes. Cheap to clone.
#[derive(Clone)]
pub struct NewPasswords {
    breached: BreachedPasswords,
    hash_slots: HashSlots,
}

impl NewPasswords {
    pub fn new(breached: BreachedPasswords, hash_slots: HashSlots) -> Self {
        Self {
            breached,
            hash_slots,
        }
    }

    /// Hashes a new password; one from a known data breach is an error of `field`.
    pub(crate) async fn hash(
        &self,
        field: &'static str,
        password: &Password,
    ) -> Result<PasswordHash, Error> {
        // Before a slot is taken: no slot is blocked during the query to the server.
        let breached = self.breached.refuse_breached(password).await;
        breached.map_err(|detail| Error::invalid(field, detail))?;
        self.hash_slots.run(|| password.hash()).await
    }
}
