//! Pagination cursors: opaque, signed, and bound to the list that they continue.
//!
//! The position travels in the cursor, so no list keeps state; the signature keeps a client from
//! making positions up, and the context (sort and filters) from carrying one to another list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Bytes of the HMAC-SHA-256 that are kept: 128 bits.
const TAG_BYTES: usize = 16;

/// The key that signs cursors.
#[derive(Clone)]
pub struct CursorKey(Vec<u8>);

impl CursorKey {
    /// `secret` has at least 32 bytes ([`crate::config::Variables::secret`]).
    pub fn new(secret: Vec<u8>) -> Self {
        Self(secret)
    }

    /// A URL-safe cursor for `position` in the list that `context` names.
    pub fn seal<T: Serialize>(&self, position: &T, context: &str) -> Option<String> {
        let payload = serde_json::to_vec(position).ok()?;
        let mut sealed = self
            .mac(&payload, context)?
            .finalize()
            .into_bytes()
            .to_vec();
        sealed.truncate(TAG_BYTES);
        sealed.extend_from_slice(&payload);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The position, or `None` when the cursor was not made by this key for this list.
    pub fn open<T: DeserializeOwned>(&self, cursor: &str, context: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, payload) = sealed.split_at_checked(TAG_BYTES)?;
        self.mac(payload, context)?
            .verify_truncated_left(tag)
            .ok()?;
        serde_json::from_slice(payload).ok()
    }

    fn mac(&self, payload: &[u8], context: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        // The length separates the two, so that no context can pass for a payload.
        mac.update(&(context.len() as u64).to_be_bytes());
        mac.update(context.as_bytes());
        mac.update(payload);
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_whole_and_in_its_own_list() {
        let key = CursorKey::new(vec![7; 32]);
        let cursor = key.seal(&("a@b.example", 5), "sort=email").unwrap();
        assert_eq!(
            key.open(&cursor, "sort=email"),
            Some((String::from("a@b.example"), 5))
        );
        assert_eq!(key.open::<(String, i32)>(&cursor, "sort=-email"), None);
        assert_eq!(
            CursorKey::new(vec![8; 32]).open::<(String, i32)>(&cursor, "sort=email"),
            None
        );
        for at in 0..cursor.len() {
            let mut bent = cursor.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert_eq!(key.open::<(String, i32)>(&bent, "sort=email"), None, "{at}");
            assert_eq!(
                key.open::<(String, i32)>(&cursor[..at], "sort=email"),
                None,
                "{at}"
            );
        }
    }
}
