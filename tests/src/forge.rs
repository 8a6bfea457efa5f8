//! Creates JWTs with any header and payload, byte for byte, with valid or invalid signatures.
//!
//! Independent of the app's code, so that it shares none of its bugs. The unit tests of `crates/web` also
//! compile this file and the forgeries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jwt_simple::algorithms::{Ed25519KeyPair, EdDSAKeyPairLike};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Signing key.
#[derive(Clone)]
pub enum Key {
    Hs256(Vec<u8>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Key {
    /// Generates a key pair.
    pub fn new_pair() -> Self {
        Self::EdDsa(Box::new(Ed25519KeyPair::generate()))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// Key id as in the app: the first 16 characters of the base64url of the SHA-256.
    pub fn id(&self) -> String {
        let hash = match self {
            Self::Hs256(secret) => Sha256::digest(secret),
            Self::EdDsa(pair) => Sha256::digest(pair.public_key().to_bytes()),
        };
        URL_SAFE_NO_PAD.encode(hash)[..16].to_owned()
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Hs256(secret) => hmac::<Hs256>(secret, message),
            Self::EdDsa(pair) => pair.key_pair().as_ref().sk.sign(message, None).to_vec(),
        }
    }
}

/// Signs tokens in the name of the app.
#[derive(Clone)]
pub struct Forge {
    pub key: Key,
    /// Claims of a valid token.
    pub claims: Value,
}

impl Forge {
    pub fn new(key: Key, claims: Value) -> Self {
        Self { key, claims }
    }

    /// Uses the claims of a token that the app issued.
    pub fn from_token(key: Key, token: &str) -> Self {
        let payload = token.split('.').nth(1).expect("three segments");
        let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
        Self::new(key, serde_json::from_slice(&payload).expect("claims"))
    }

    pub fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm(), "kid": self.key.id(), "typ": "at+jwt" })
    }

    /// Returns a valid token.
    pub fn good(&self) -> String {
        self.bytes(self.header().to_string(), self.claims.to_string())
    }

    /// Returns a valid token with one header member changed; `null` removes it.
    pub fn with_header(&self, name: &str, value: Value) -> String {
        let header = set(self.header(), name, value);
        self.bytes(header.to_string(), self.claims.to_string())
    }

    /// Returns a valid token with one claim changed; `null` removes it.
    pub fn with_claim(&self, name: &str, value: Value) -> String {
        let claims = set(self.claims.clone(), name, value);
        self.bytes(self.header().to_string(), claims.to_string())
    }

    /// Returns these bytes with a valid signature.
    pub fn bytes(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sealed(&signing_input(header, payload))
    }

    /// Returns this text with a valid signature appended.
    pub fn sealed(&self, input: &str) -> String {
        join(input, &self.key.sign(input.as_bytes()))
    }

    /// Returns the valid claims under `header`, with a custom signature.
    pub fn signed_by(&self, header: Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let input = signing_input(header.to_string(), self.claims.to_string());
        join(&input, &sign(input.as_bytes()))
    }
}

/// Encodes `header.payload`.
pub fn signing_input(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let (header, payload) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload),
    );
    format!("{header}.{payload}")
}

/// Returns `object` with one member set, or removed if `value` is `null`.
pub fn set(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().expect("an object");
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    object
}

fn join(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub type Hs256 = Hmac<Sha256>;
pub type Hs384 = Hmac<Sha384>;
pub type Hs512 = Hmac<Sha512>;

pub fn hmac<M: Mac + KeyInit>(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(secret).expect("any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
