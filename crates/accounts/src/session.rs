//! A session, and the refresh token that prolongs it.

pub mod bootstrap;
pub mod service;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spin_pg_bindings::postgres::{self, FromRow, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;
use crate::keys::FingerprintKey;

/// Lifetimes of sessions and the maximum per user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Days until a session expires without a refresh.
    pub idle_days: i32,
    /// Days until a session expires in any case.
    pub absolute_days: i32,
    /// Maximum number of live sessions per user; a further sign-in ends the oldest.
    pub max_sessions: i32,
    /// Seconds in which a used refresh token returns its successor again; 0: never.
    pub refresh_grace_seconds: i32,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            idle_days: 7,
            absolute_days: 30,
            max_sessions: 50,
            refresh_grace_seconds: 10,
        }
    }
}

/// Id of a session: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub Uuid);

impl SessionId {
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl From<Uuid> for SessionId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session as shown to its user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Session {
    pub id: SessionId,
    #[serde(with = "crate::utc")]
    pub created_at: OffsetDateTime,
    #[serde(with = "crate::utc")]
    pub last_used_at: OffsetDateTime,
    /// Time at which it expires without a refresh.
    #[serde(with = "crate::utc")]
    pub expires_at: OffsetDateTime,
}

impl FromRow for Session {
    fn from_row(row: &Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            id: SessionId(row.get("id")?),
            created_at: row.get("created_at")?,
            last_used_at: row.get("last_used_at")?,
            expires_at: row.get("idle_expires_at")?,
        })
    }
}

/// A secret that is shown once and stored as its hash: 32 bytes, base64url without padding. A new token
/// is random. A successor keeps the first half, by which a session recognizes all of its tokens, and has
/// 128 bits that cannot be derived without the server's key.
#[derive(Debug, Clone)]
pub struct OpaqueToken(SecretString);

impl OpaqueToken {
    const BYTES: usize = 32;
    const FAMILY_BYTES: usize = 16;

    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0_u8; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self::encode(&bytes))
    }

    /// Parses a client's input; returns `None` if it does not have the form of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == Self::BYTES).then(|| Self(text.into()))
    }

    /// Returns the token itself, for the one response that shows it.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the token that replaces this one. It is the same for the same `salt`, so it can be
    /// returned again without being stored.
    pub(crate) fn successor(&self, key: &FingerprintKey, salt: &[u8]) -> Self {
        let mut bytes = self.bytes();
        let derived = key.fingerprint(&[self.reveal().as_bytes(), salt]);
        bytes.truncate(Self::FAMILY_BYTES);
        bytes.extend(derived.iter().take(Self::BYTES - Self::FAMILY_BYTES));
        Self::encode(&bytes)
    }

    /// Returns the SHA-256 of the part that the token shares with its successors.
    pub(crate) fn family(&self) -> Vec<u8> {
        let mut bytes = self.bytes();
        bytes.truncate(Self::FAMILY_BYTES);
        Sha256::digest(bytes).to_vec()
    }

    fn encode(bytes: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    fn bytes(&self) -> Vec<u8> {
        // It was encoded or decoded at its creation.
        URL_SAFE_NO_PAD.decode(self.reveal()).unwrap_or_default()
    }

    /// Returns the SHA-256. The token is random, so it needs no slow hash.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.reveal()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_256_random_bits_in_canonical_form() {
        let (one, two) = (
            OpaqueToken::generate().unwrap(),
            OpaqueToken::generate().unwrap(),
        );
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(one.reveal().len(), 43);
        let parsed = OpaqueToken::parse(one.reveal()).unwrap();
        assert_eq!(parsed.reveal(), one.reveal());
        let padded = format!("{}=", one.reveal());
        for bad in ["", "abc", &one.reveal()[1..], padded.as_str()] {
            assert!(OpaqueToken::parse(bad).is_none(), "{bad}");
        }
        assert!(!format!("{one:?}").contains(one.reveal()));
    }

    #[test]
    fn a_successor_is_derived_from_token_key_and_salt() {
        use crate::keys::{Purpose, RootKey};
        let key = |secret| RootKey::new(&[secret; 32]).fingerprint_key(Purpose::RefreshToken);
        let (one, two) = (
            OpaqueToken::generate().unwrap(),
            OpaqueToken::generate().unwrap(),
        );
        let next = one.successor(&key(7), b"salt");
        assert_eq!(next.reveal(), one.successor(&key(7), b"salt").reveal());
        assert!(OpaqueToken::parse(next.reveal()).is_some());
        assert_eq!(next.family(), one.family());
        assert_ne!(two.family(), one.family());
        for other in [
            one.clone(),
            one.successor(&key(8), b"salt"),
            one.successor(&key(7), b"pepper"),
            two.successor(&key(7), b"salt"),
        ] {
            assert_ne!(next.reveal(), other.reveal());
        }
    }
}
