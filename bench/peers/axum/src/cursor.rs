//! Pagination cursors: the position after which a page begins, authenticated.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::fingerprint::{FingerprintKey, Purpose};
use crate::user::User;

/// Creation time and id of the last user of a page.
pub struct Position {
    pub created_at: OffsetDateTime,
    pub id: Uuid,
}

/// Authenticates cursors.
pub struct CursorKey(FingerprintKey);

impl CursorKey {
    pub fn new(root: &[u8]) -> Self {
        Self(FingerprintKey::new(root, Purpose::Cursor))
    }

    /// Returns the cursor of the page that begins after `user`.
    pub fn seal(&self, user: &User) -> String {
        let nanos = user.created_at.unix_timestamp_nanos().to_be_bytes();
        let position = [nanos.as_slice(), user.id.as_bytes()].concat();
        let tag = self.0.fingerprint(&position);
        URL_SAFE_NO_PAD.encode([position.as_slice(), &tag].concat())
    }

    /// Returns the position; `None` when the cursor was not made with this key.
    pub fn open(&self, cursor: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (position, tag) = bytes.split_at_checked(32)?;
        if !self.0.verify(position, tag) {
            return None;
        }
        let (nanos, id) = position.split_first_chunk::<16>()?;
        Some(Position {
            created_at: OffsetDateTime::from_unix_timestamp_nanos(i128::from_be_bytes(*nanos))
                .ok()?,
            id: Uuid::from_slice(id).ok()?,
        })
    }
}
