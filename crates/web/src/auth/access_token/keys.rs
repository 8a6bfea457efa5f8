//! Signing and verification keys, from the configuration.

use std::ops::Range;

use accounts::UserId;
use accounts::user::attributes::Attributes;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::algorithms::{
    Ed25519KeyPair, Ed25519PublicKey, EdDSAKeyPairLike, EdDSAPublicKeyLike, HS256Key, MACLike,
};
use jwt_simple::claims::{Audiences, JWTClaims, NoCustomClaims};
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude::Duration;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::TYP;
use super::jwk::Jwk;
use crate::config::{ConfigError, Variables};

const HS256: &str = "HS256";
const EDDSA: &str = "EdDSA";

/// A key that verifies tokens, and its `kid`.
pub struct VerifyingKey {
    id: String,
    key: Verifying,
}

enum Verifying {
    Secret(HS256Key),
    Public(Ed25519PublicKey),
}

impl VerifyingKey {
    fn secret(secret: &[u8]) -> Self {
        Self {
            id: key_id(secret),
            key: Verifying::Secret(HS256Key::from_bytes(secret)),
        }
    }

    fn public(key: Ed25519PublicKey) -> Self {
        Self {
            id: key_id(&key.to_bytes()),
            key: Verifying::Public(key),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Verifying::Secret(_) => HS256,
            Verifying::Public(_) => EDDSA,
        }
    }

    pub fn verify(
        &self,
        token: &str,
        options: VerificationOptions,
    ) -> Result<(), jwt_simple::Error> {
        match &self.key {
            Verifying::Secret(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Verifying::Public(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
        }
        .map(|_| ())
    }

    /// Returns the key as a JWK (RFC 8037, section 2); `None` when it is a secret.
    pub fn jwk(&self) -> Option<Jwk> {
        match &self.key {
            Verifying::Secret(_) => None,
            Verifying::Public(key) => Some(Jwk {
                kty: "OKP",
                crv: "Ed25519",
                alg: EDDSA,
                r#use: "sig",
                kid: self.id.clone(),
                x: URL_SAFE_NO_PAD.encode(key.to_bytes()),
            }),
        }
    }
}

/// The key that signs tokens.
pub enum SigningKey {
    Secret(HS256Key),
    Private(Box<Ed25519KeyPair>),
}

impl SigningKey {
    pub fn sign(&self, claims: JWTClaims<CustomClaims>) -> Result<String, jwt_simple::Error> {
        let header = HeaderOptions {
            signature_type: Some(TYP.to_owned()),
            content_type: None,
        };
        match self {
            Self::Secret(key) => key.authenticate_with_options(claims, &header),
            Self::Private(key) => key.sign_with_options(claims, &header),
        }
    }
}

/// Claims of Roster's tokens that RFC 7519 does not define.
#[derive(Serialize)]
pub struct CustomClaims {
    pub sid: Uuid,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

pub fn claims(
    issuer: &str,
    audience: &str,
    user: UserId,
    custom: CustomClaims,
    times: Range<u64>,
) -> JWTClaims<CustomClaims> {
    let now = Duration::from_secs(times.start);
    JWTClaims {
        issued_at: Some(now),
        invalid_before: Some(now),
        expires_at: Some(Duration::from_secs(times.end)),
        issuer: Some(issuer.to_owned()),
        subject: Some(user.to_string()),
        audiences: Some(Audiences::AsString(audience.to_owned())),
        jwt_id: None,
        nonce: None,
        custom,
    }
}

/// The current and, if any, the next and the previous key, in this order.
pub fn verifying(variables: &Variables) -> Result<Vec<VerifyingKey>, ConfigError> {
    if uses_secret(variables)? {
        let mut keys = vec![VerifyingKey::secret(variables.secret("jwt_secret")?)];
        for name in ["jwt_secret_next", "jwt_secret_previous"] {
            if variables.optional(name).is_some() {
                add(
                    &mut keys,
                    VerifyingKey::secret(variables.secret(name)?),
                    name,
                )?;
            }
        }
        return Ok(keys);
    }
    let private = private_key(variables)?;
    let current = match public_key(variables, "jwt_public_key")? {
        Some(public) => public,
        // A component with the private key does not need the public one.
        None => private
            .ok_or_else(|| ConfigError::new("jwt_public_key", "must be set"))?
            .public_key(),
    };
    let mut keys = vec![VerifyingKey::public(current)];
    for name in ["jwt_public_key_next", "jwt_public_key_previous"] {
        if let Some(key) = public_key(variables, name)? {
            add(&mut keys, VerifyingKey::public(key), name)?;
        }
    }
    Ok(keys)
}

/// The signing half of the current key.
pub fn signing(variables: &Variables) -> Result<SigningKey, ConfigError> {
    if uses_secret(variables)? {
        let secret = variables.secret("jwt_secret")?;
        let key = HS256Key::from_bytes(secret).with_key_id(&key_id(secret));
        return Ok(SigningKey::Secret(key));
    }
    let key = private_key(variables)?;
    let key = key.ok_or_else(|| ConfigError::new("jwt_private_key", "must be set"))?;
    let id = key_id(&key.public_key().to_bytes());
    Ok(SigningKey::Private(Box::new(key.with_key_id(&id))))
}

/// Returns true if `jwt_algorithm` is HS256, the default, and false if it is EdDSA. Variables of the other
/// algorithm must be empty, so that no key is configured without effect.
fn uses_secret(variables: &Variables) -> Result<bool, ConfigError> {
    let (secret, others, problem) = match variables.optional("jwt_algorithm") {
        None | Some(HS256) => (
            true,
            [
                "jwt_private_key",
                "jwt_public_key",
                "jwt_public_key_previous",
                "jwt_public_key_next",
            ]
            .as_slice(),
            "must be empty: jwt_algorithm is HS256, which has no key pair",
        ),
        Some(EDDSA) => (
            false,
            ["jwt_secret", "jwt_secret_previous", "jwt_secret_next"].as_slice(),
            "must be empty: jwt_algorithm is EdDSA, which has no secret",
        ),
        Some(_) => {
            let problem = "must be HS256 or EdDSA";
            return Err(ConfigError::new("jwt_algorithm", problem));
        }
    };
    match others
        .iter()
        .find(|name| variables.optional(name).is_some())
    {
        Some(name) => Err(ConfigError::new(name, problem)),
        None => Ok(secret),
    }
}

/// The private key, which must match the public one if both are set.
fn private_key(variables: &Variables) -> Result<Option<Ed25519KeyPair>, ConfigError> {
    let name = "jwt_private_key";
    let Some(pem) = pem(variables, name)? else {
        return Ok(None);
    };
    let wrong = |_| ConfigError::new(name, "must be an Ed25519 private key in PKCS#8 PEM");
    let key = Ed25519KeyPair::from_pem(&pem).map_err(wrong)?;
    match public_key(variables, "jwt_public_key")? {
        Some(public) if public.to_bytes() != key.public_key().to_bytes() => {
            Err(ConfigError::new(name, "does not match jwt_public_key"))
        }
        _ => Ok(Some(key)),
    }
}

fn public_key(
    variables: &Variables,
    name: &'static str,
) -> Result<Option<Ed25519PublicKey>, ConfigError> {
    let Some(pem) = pem(variables, name)? else {
        return Ok(None);
    };
    if pem.contains("PRIVATE KEY") {
        // Every component reads this variable.
        return Err(ConfigError::new(name, "must not contain a private key"));
    }
    let wrong = |_| ConfigError::new(name, "must be an Ed25519 public key in SPKI PEM");
    Ed25519PublicKey::from_pem(&pem).map(Some).map_err(wrong)
}

/// Reads a PEM or its base64: files of variables have a value on one line.
fn pem(variables: &Variables, name: &'static str) -> Result<Option<String>, ConfigError> {
    let Some(value) = variables.optional(name) else {
        return Ok(None);
    };
    if value.starts_with("-----BEGIN ") {
        return Ok(Some(value.to_owned()));
    }
    let compact: String = value.split_whitespace().collect();
    let bytes = STANDARD.decode(compact).ok();
    let pem = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    pem.map(Some)
        .ok_or_else(|| ConfigError::new(name, "must be PEM or base64-encoded PEM"))
}

/// Adds a key of another phase. A key that is already present means a rotation that did not happen.
fn add(
    keys: &mut Vec<VerifyingKey>,
    key: VerifyingKey,
    name: &'static str,
) -> Result<(), ConfigError> {
    if keys.iter().any(|other| other.id() == key.id()) {
        return Err(ConfigError::new(name, "is the same as another key"));
    }
    keys.push(key);
    Ok(())
}

/// The first 16 characters of the base64url of the key's SHA-256.
fn key_id(key: &[u8]) -> String {
    let mut id = URL_SAFE_NO_PAD.encode(Sha256::digest(key));
    id.truncate(16);
    id
}
