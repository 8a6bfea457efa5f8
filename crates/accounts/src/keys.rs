//! Keys for data outside of the `users` table: fingerprints of addresses and requests, and sealed values.
//!
//! One configured secret is the root. Each purpose has its own key by HKDF-SHA-256 (RFC 5869), so that a
//! value made for one is invalid for another. A new root invalidates all stored fingerprints and sealed
//! values: counters restart, cached users are read from Postgres again, existing cursors and idempotency
//! keys are rejected.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::Error;

const KEY_BYTES: usize = 32;
/// Nonce of XChaCha20, long enough to be random for every message.
const NONCE_BYTES: usize = 24;

/// Purposes that keys are derived for. A name is part of the stored data: it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Client addresses in counters and audit rows.
    Address,
    /// Emails of sign-in attempts in counters.
    LoginEmail,
    /// Requests under an idempotency key.
    Idempotency,
    /// Users in Redis.
    CachedUser,
    /// Service accounts in Redis.
    CachedServiceAccount,
    /// Pagination cursors.
    Cursor,
    /// Successors of refresh tokens.
    RefreshToken,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::Address => b"roster address v1",
            Self::LoginEmail => b"roster login email v1",
            Self::Idempotency => b"roster idempotency v1",
            Self::CachedUser => b"roster cached user v1",
            Self::CachedServiceAccount => b"roster cached service account v1",
            Self::Cursor => b"roster cursor v1",
            Self::RefreshToken => b"roster refresh token v1",
        }
    }
}

/// Configured secret that all other keys are derived from.
#[derive(Debug, Clone)]
pub struct RootKey(Hkdf<Sha256>);

impl RootKey {
    /// Creates the root key. `secret` has at least 256 bits of entropy, in any form.
    pub fn new(secret: &[u8]) -> Self {
        Self(Hkdf::new(None, secret))
    }

    /// Returns the key that fingerprints values of `purpose`.
    pub fn fingerprint_key(&self, purpose: Purpose) -> FingerprintKey {
        FingerprintKey::new(self.derive(purpose.info()))
    }

    /// Returns the key that seals values of `purpose`.
    pub fn seal_key(&self, purpose: Purpose) -> SealKey {
        SealKey(XChaCha20Poly1305::new(&Key::from(
            self.derive(purpose.info()),
        )))
    }

    fn derive(&self, info: &[u8]) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        // HKDF rejects only lengths over 255 hashes.
        let derived = self.0.expand(info, &mut key);
        debug_assert!(derived.is_ok());
        key
    }
}

/// Identifies values without containing them: HMAC-SHA-256 (RFC 2104), computable only with the key. A
/// plain hash of an address or an email could be reversed by trying all of them.
#[derive(Debug, Clone)]
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    fn new(key: [u8; KEY_BYTES]) -> Self {
        // HMAC itself pads a shorter key to a block with zeros.
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        block.iter_mut().zip(key).for_each(|(to, from)| *to = from);
        Self(Hmac::new(&block))
    }

    /// Returns 32 bytes. The boundaries of `parts` count: `["ab", "c"]` is not `["a", "bc"]`.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }
}

/// Encrypts and authenticates: XChaCha20-Poly1305.
#[derive(Debug, Clone)]
pub struct SealKey(XChaCha20Poly1305);

impl SealKey {
    /// Returns the nonce, the ciphertext and its tag. Opens only with the same `context`.
    ///
    /// # Errors
    /// [`Error::Internal`] when the host has no random numbers.
    pub fn seal(&self, plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| Error::Internal(error.to_string()))?;
        let payload = Payload {
            msg: plaintext,
            aad: context,
        };
        let ciphertext = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok([nonce.as_slice(), ciphertext.as_slice()].concat())
    }

    /// Returns the plaintext, or `None` if `sealed` was not made by this key in this `context`.
    pub fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: context,
        };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> RootKey {
        RootKey::new(&[7; 32])
    }

    #[test]
    fn keys_differ_per_purpose_and_root() {
        let address = root().fingerprint_key(Purpose::Address);
        let email = root().fingerprint_key(Purpose::LoginEmail);
        let other = RootKey::new(&[8; 32]).fingerprint_key(Purpose::Address);
        let value = address.fingerprint(&[b"192.0.2.1"]);
        assert_eq!(value, address.fingerprint(&[b"192.0.2.1"]));
        assert_eq!(value.len(), 32);
        assert_ne!(value, email.fingerprint(&[b"192.0.2.1"]));
        assert_ne!(value, other.fingerprint(&[b"192.0.2.1"]));
        assert_ne!(
            address.fingerprint(&[b"ab", b"c"]),
            address.fingerprint(&[b"a", b"bc"])
        );
    }

    #[test]
    fn fingerprints_are_those_of_another_implementation() {
        // Computed with Python's hmac, for a purpose whose text does not contain the name of the project.
        let key = FingerprintKey::new(root().derive(b"a purpose"));
        assert_eq!(key.fingerprint(&[b"192.0.2.1"])[..4], [38, 80, 155, 115]);
        assert_eq!(Purpose::Address.info(), b"roster address v1");
    }

    #[test]
    fn a_sealed_value_opens_only_unmodified_in_its_context() {
        let key = root().seal_key(Purpose::Cursor);
        let sealed = key.seal(b"ada@example.com", b"one").unwrap();
        assert_eq!(
            key.open(&sealed, b"one").as_deref(),
            Some(b"ada@example.com".as_slice())
        );
        assert_eq!(key.open(&sealed, b"two"), None);
        let other = root().seal_key(Purpose::CachedUser);
        assert_eq!(other.open(&sealed, b"one"), None);
        assert_ne!(sealed, key.seal(b"ada@example.com", b"one").unwrap());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert_eq!(key.open(&bent, b"one"), None, "{at}");
            assert_eq!(key.open(&sealed[..at], b"one"), None, "{at}");
        }
    }

    #[test]
    fn debug_output_hides_keys() {
        let key = root().seal_key(Purpose::Cursor);
        assert_eq!(format!("{key:?}"), "SealKey(ChaChaPoly1305 { .. })");
        for shown in [
            format!("{:?}", root()),
            format!("{:?}", root().fingerprint_key(Purpose::Address)),
        ] {
            assert!(shown.contains("Hmac { ... }"), "{shown}");
        }
    }
}
