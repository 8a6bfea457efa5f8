//! API keys: secrets of service accounts, shown once and stored as hashes.
//!
//! A key is `rsk_`, the account's id, 256 random bits, and a checksum, all in hexadecimal: 108 characters. Scanners for
//! leaked secrets find it by the prefix, and discard false alarms by the checksum: the first eight digits of the
//! SHA-256 of all characters before it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use uuid::Uuid;

use super::ServiceAccountId;
use crate::Error;

const PREFIX: &str = "rsk_";
const SECRET_BYTES: usize = 32;
const CHECKSUM_DIGITS: usize = 8;
const ID_DIGITS: usize = 32;
/// Digits of a hash by which the cache recognizes a key. They reveal nothing about a key of 256 random bits.
const MARK_DIGITS: usize = 16;

/// Id of a key: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeyId(pub Uuid);

impl From<Uuid> for ApiKeyId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    pub id: ApiKeyId,
    /// SHA-256 in hexadecimal.
    hash: String,
    #[serde(with = "crate::utc")]
    pub created_at: OffsetDateTime,
    #[serde(with = "crate::utc")]
    pub expires_at: OffsetDateTime,
    /// Day of the last use in UTC, `YYYY-MM-DD`; `None` for a key that was not used yet.
    #[serde(default)]
    pub last_used_on: Option<String>,
}

impl StoredKey {
    /// Returns the mark of the key in its account's cache entry.
    pub(crate) fn mark(&self) -> &str {
        self.hash.get(..MARK_DIGITS).unwrap_or_default()
    }
}

/// A new key, for the one response that shows it.
#[derive(Debug)]
pub struct NewKey {
    pub id: ApiKeyId,
    text: SecretString,
}

impl NewKey {
    pub fn generate(account: ServiceAccountId) -> Result<Self, Error> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(|error| Error::Internal(error.to_string()))?;
        let body = format!("{PREFIX}{}{}", account.0.simple(), hex(&secret));
        Ok(Self {
            id: ApiKeyId(Uuid::now_v7()),
            text: format!("{body}{}", checksum(&body)).into(),
        })
    }

    /// Returns the key itself.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    pub(crate) fn hash(&self) -> String {
        hex(&Sha256::digest(self.reveal()))
    }
}

/// A key that a client sent: well-formed, but not compared with the stored ones yet.
#[derive(Debug, Clone)]
pub struct PresentedKey {
    pub account: ServiceAccountId,
    hash: String,
}

impl PresentedKey {
    /// Returns true if the text is meant to be a key, valid or not. No access token begins like one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Parses a key; the checksum rejects mistyped and truncated ones without a lookup.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const LENGTH: usize = PREFIX.len() + ID_DIGITS + 2 * SECRET_BYTES + CHECKSUM_DIGITS;
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != LENGTH || !digits.bytes().all(is_hex) {
            return Err("the API key is malformed");
        }
        let (body, sum) = text
            .split_at_checked(LENGTH - CHECKSUM_DIGITS)
            .unwrap_or_default();
        if checksum(body) != sum {
            return Err("the checksum of the API key is wrong");
        }
        let id = digits.get(..ID_DIGITS).unwrap_or_default();
        let id = Uuid::try_parse(id).map_err(|_| "the API key names no account")?;
        Ok(Self {
            account: ServiceAccountId(id),
            hash: hex(&Sha256::digest(text)),
        })
    }

    /// Returns the mark by which the cache entry of the key's account contains it.
    pub(crate) fn mark(&self) -> &str {
        self.hash.get(..MARK_DIGITS).unwrap_or_default()
    }

    pub(crate) fn is(&self, stored: &StoredKey) -> bool {
        self.hash.as_bytes().ct_eq(stored.hash.as_bytes()).into()
    }
}

fn checksum(body: &str) -> String {
    let mut digits = hex(&Sha256::digest(body));
    digits.truncate(CHECKSUM_DIGITS);
    digits
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_with_its_account() {
        let account = ServiceAccountId::generate();
        let key = NewKey::generate(account).unwrap();
        assert_eq!(key.reveal().len(), 108);
        let presented = PresentedKey::parse(key.reveal()).unwrap();
        assert_eq!(presented.account, account);
        assert_eq!(presented.hash, key.hash());
        assert!(!format!("{key:?}").contains(&key.reveal()[40..80]));
    }

    #[test]
    fn other_texts_are_rejected() {
        let key = NewKey::generate(ServiceAccountId::generate()).unwrap();
        let text = key.reveal();
        let mut mistyped = text.to_owned();
        let other = if text.ends_with('0') { "1" } else { "0" };
        mistyped.replace_range(107.., other);
        for bad in [
            "",
            "rsk_",
            &text[..107],
            &format!("{text}0"),
            &text.to_uppercase(),
            &mistyped,
            &text.replace("rsk_", "rsk-"),
            &format!("rsk_{}", "\u{e9}".repeat(52)),
        ] {
            assert!(PresentedKey::parse(bad).is_err(), "{bad}");
        }
    }
}
