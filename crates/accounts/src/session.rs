//! A session, and the refresh token that prolongs it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use spin_pg_bindings::postgres::{self, FromRow, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;
use crate::user::parse_uuid;

/// How long a session lives without a refresh.
pub const IDLE_DAYS: i32 = 7;
/// How long a session lives at all.
pub const ABSOLUTE_DAYS: i32 = 30;

/// A session's id: a UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub Uuid);

impl SessionId {
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Reads the hyphenated form.
    pub fn parse(text: &str) -> Option<Self> {
        parse_uuid(text).map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub created_at: OffsetDateTime,
    pub last_used_at: OffsetDateTime,
    /// When it ends without a refresh.
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

/// A secret that is shown once and kept as its hash: 256 random bits, base64url without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueToken(String);

impl OpaqueToken {
    const BYTES: usize = 32;

    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0_u8; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a client sent, when it has the form of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == Self::BYTES).then(|| Self(text.to_owned()))
    }

    /// The token itself, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// SHA-256. The token is random, so it needs no slow hash.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_256_random_bits_in_one_form() {
        let (one, two) = (
            OpaqueToken::generate().unwrap(),
            OpaqueToken::generate().unwrap(),
        );
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(one.reveal().len(), 43);
        assert_eq!(OpaqueToken::parse(one.reveal()), Some(one.clone()));
        let padded = format!("{}=", one.reveal());
        for bad in ["", "abc", &one.reveal()[1..], padded.as_str()] {
            assert_eq!(OpaqueToken::parse(bad), None, "{bad}");
        }
        assert_eq!(format!("{one:?}"), "OpaqueToken(..)");
    }
}
