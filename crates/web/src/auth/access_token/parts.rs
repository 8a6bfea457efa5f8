//! Strict parser of a token's parts: anything that the signer does not write is rejected.
//!
//! A new member of the header or a new claim is therefore deployed in two steps: first everywhere
//! as an optional field here, then in the signer.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use uuid::Uuid;

use super::Refusal;

/// `crit`, `jwk`, `jku`, `x5u` and all other members are rejected as unknown fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub alg: String,
    pub kid: String,
    #[serde(rename = "typ")]
    _typ: String,
}

/// Fields with an underscore must be of this type, once, and present unless they have a default; their values are checked
/// by `jwt-simple`. Seconds fit 32 bits until 2106; larger ones would wrap in its clock.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    #[serde(rename = "iss")]
    _iss: String,
    #[serde(rename = "aud")]
    _aud: String,
    pub sub: String,
    pub sid: String,
    pub iat: u32,
    #[serde(rename = "nbf")]
    _nbf: u32,
    pub exp: u32,
    /// For other services; Roster reads the user instead.
    #[serde(rename = "attributes", default)]
    _attributes: HashMap<String, IgnoredAny>,
}

/// A token with an unverified signature.
pub struct Parts {
    pub header: Header,
    pub payload: Vec<u8>,
}

impl Parts {
    /// Parses three segments of canonical base64url without padding, the first of them a header.
    pub fn read(token: &str) -> Result<Self, Refusal> {
        let mut segments = token.split('.').map(decode);
        let three = (segments.next(), segments.next(), segments.next());
        let (Some(header), Some(payload), Some(signature)) = three else {
            return Err(Refusal("fewer than three segments"));
        };
        if segments.next().is_some() {
            return Err(Refusal("more than three segments"));
        }
        signature?;
        Ok(Self {
            header: object(&header?).ok_or(Refusal("header is malformed"))?,
            payload: payload?,
        })
    }
}

impl Claims {
    pub fn read(payload: &[u8]) -> Result<Self, Refusal> {
        object(payload).ok_or(Refusal("claims are malformed"))
    }
}

/// Parses a UUID in its canonical form: hyphens and lower case.
pub fn uuid(text: &str) -> Result<Uuid, Refusal> {
    let uuid = Uuid::try_parse(text).ok();
    uuid.filter(|uuid| uuid.to_string() == text)
        .ok_or(Refusal("sub or sid is not a UUID"))
}

fn decode(segment: &str) -> Result<Vec<u8>, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(segment).ok();
    bytes
        .filter(|bytes| !bytes.is_empty())
        .ok_or(Refusal("a segment is not base64url"))
}

/// Parses a JSON object, which begins with a brace: serde also accepts a list for a struct.
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    json.starts_with(b"{")
        .then(|| serde_json::from_slice(json).ok())
        .flatten()
}
