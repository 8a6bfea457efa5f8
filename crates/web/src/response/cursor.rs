//! Pagination cursors: opaque, encrypted, and bound to the list that they continue.
//!
//! The cursor contains the position, so lists keep no state on the server. A position may contain an email or
//! a name, which must not appear in URLs and logs: only a holder of the key can read or create a cursor. The
//! context (sort and filters) prevents its use with another list.

use accounts::RootKey;
use accounts::keys::{Purpose, SealKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The key that encrypts cursors.
#[derive(Clone)]
pub struct CursorKey(SealKey);

impl CursorKey {
    pub fn new(root: &RootKey) -> Self {
        Self(root.seal_key(Purpose::Cursor))
    }

    /// Creates a URL-safe cursor for `position` in the list that `context` names.
    pub fn seal<T: Serialize>(&self, position: &T, context: &str) -> Option<String> {
        let payload = serde_json::to_vec(position).ok()?;
        let sealed = self.0.seal(&payload, context.as_bytes()).ok()?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Returns the position; `None` when the cursor was not created with this key for this list.
    pub fn open<T: DeserializeOwned>(&self, cursor: &str, context: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let payload = self.0.open(&sealed, context.as_bytes())?;
        serde_json::from_slice(&payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_only_unmodified_in_its_list() {
        let key = CursorKey::new(&RootKey::new(&[7; 32]));
        let cursor = key.seal(&("a@b.example", 5), "sort=email").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        assert!(!bytes.windows(3).any(|part| part == b"a@b"));
        assert_eq!(
            key.open(&cursor, "sort=email"),
            Some((String::from("a@b.example"), 5))
        );
        assert_eq!(key.open::<(String, i32)>(&cursor, "sort=-email"), None);
        assert_eq!(
            CursorKey::new(&RootKey::new(&[8; 32])).open::<(String, i32)>(&cursor, "sort=email"),
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
