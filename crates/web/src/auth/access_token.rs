//! Access tokens: JWTs (RFC 7519, RFC 9068) that one component signs and every component verifies.
//!
//! The configuration fixes the algorithm; a token cannot choose it. `jwt-simple` checks the signature, the
//! type, the times, the issuer and the audience. The rest (required claims, unknown or repeated members, the
//! lifetime) is checked here, on strict types.
//!
//! With `jwt_algorithm = HS256` set `jwt_secret` to the output of `openssl rand -hex 32`. With `EdDSA`
//! generate a key pair; a variable accepts the PEM or its base64 on one line:
//!
//! ```text
//! openssl genpkey -algorithm ed25519 -out jwt.pem          # jwt_private_key, for auth alone
//! openssl pkey -in jwt.pem -pubout -out jwt.pub.pem        # jwt_public_key
//! base64 -w0 jwt.pem
//! ```
//!
//! To rotate a key without a gap while old and new instances run side by side, use three rollouts: set the
//! new key as `jwt_secret_next` or `jwt_public_key_next`; then sign with it, with the old one as
//! `jwt_secret_previous` or `jwt_public_key_previous`; remove that when its last token has expired.

mod jwk;
mod keys;
mod parts;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use accounts::user::attributes::Attributes;
use accounts::{SessionId, UserId};
use jwt_simple::JWTError;
use jwt_simple::prelude::{Duration, VerificationOptions};

use crate::config::{ConfigError, Variables};
pub use jwk::JwkSet;
use keys::{CustomClaims, SigningKey, VerifyingKey};
use parts::{Claims, Parts};

/// Longest lifetime of an access token that `access_token_minutes` may set. Verification uses this limit and
/// not the setting, so that a change of the setting invalidates no token.
const MOST_SECONDS: u32 = 3_600;
/// Tolerated difference between the clocks of two machines.
const LEEWAY_SECONDS: u32 = 60;
/// Maximum size of a token; Roster's own have about 500 bytes, and up to 1,366 more for attributes.
const MAX_BYTES: usize = 4096;
/// The media type of access tokens (RFC 9068, section 2.1).
const TYP: &str = "at+jwt";

/// User, session and times of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    pub user: UserId,
    pub session: SessionId,
    /// Seconds since 1970.
    pub issued_at: u32,
    /// Seconds since 1970.
    pub expires_at: u32,
}

/// Reason that a token was rejected, for the log. A client gets the same response for all reasons, so this
/// has no `Display` that could end up in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(&'static str);

impl Refusal {
    pub(crate) fn new(reason: &'static str) -> Self {
        Self(reason)
    }

    pub fn reason(self) -> &'static str {
        self.0
    }
}

/// Verifies access tokens with the current, the next and the previous key.
#[derive(Clone)]
pub struct Verifier(Arc<Trust>);

struct Trust {
    keys: Vec<VerifyingKey>,
    issuer: String,
    audience: String,
}

impl Verifier {
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Trust {
            keys: keys::verifying(variables)?,
            issuer: variables.text("jwt_issuer")?.to_owned(),
            audience: variables.text("jwt_audience")?.to_owned(),
        })))
    }

    /// Claim `iss` of the tokens.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the user and the session of a valid `token`. Does not check that the session is still alive.
    pub fn verify(&self, token: &str) -> Result<AccessClaims, Refusal> {
        self.verify_at(token, now())
    }

    fn verify_at(&self, token: &str, now: u64) -> Result<AccessClaims, Refusal> {
        if token.len() > MAX_BYTES {
            return Err(Refusal("token is too long"));
        }
        let Parts { header, payload } = Parts::read(token)?;
        let key = self.0.keys.iter().find(|key| key.id() == header.kid);
        let key = key.ok_or(Refusal("kid is not the id of a key"))?;
        if header.alg != key.algorithm() {
            return Err(Refusal("alg is not the algorithm of the key"));
        }
        key.verify(token, self.options(key, now))
            .map_err(|error| refusal(&error))?;
        // Parsed only after the signature is verified.
        let claims = Claims::read(&payload)?;
        let lifetime = claims.exp.checked_sub(claims.iat);
        if lifetime.is_none_or(|seconds| seconds > MOST_SECONDS + LEEWAY_SECONDS) {
            return Err(Refusal("lifetime is out of range"));
        }
        Ok(AccessClaims {
            user: UserId(parts::uuid(&claims.sub)?),
            session: SessionId(parts::uuid(&claims.sid)?),
            issued_at: claims.iat,
            expires_at: claims.exp,
        })
    }

    fn options(&self, key: &VerifyingKey, now: u64) -> VerificationOptions {
        VerificationOptions {
            required_key_id: Some(key.id().to_owned()),
            required_signature_type: Some(TYP.to_owned()),
            allowed_issuers: Some(HashSet::from([self.0.issuer.clone()])),
            allowed_audiences: Some(HashSet::from([self.0.audience.clone()])),
            time_tolerance: Some(Duration::from_secs(LEEWAY_SECONDS.into())),
            max_token_length: Some(MAX_BYTES),
            artificial_time: Some(Duration::from_secs(now)),
            ..VerificationOptions::default()
        }
    }

    /// The public keys as a JWK set (RFC 7517, RFC 8037); empty with a shared secret.
    pub fn jwks(&self) -> JwkSet {
        let keys = self.0.keys.iter().filter_map(VerifyingKey::jwk);
        JwkSet {
            keys: keys.collect(),
        }
    }
}

/// Signs access tokens with the current key.
#[derive(Clone)]
pub struct Signer(Arc<Issuer>);

struct Issuer {
    key: SigningKey,
    issuer: String,
    audience: String,
    lifetime_seconds: u32,
}

impl Signer {
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let minutes: u32 = variables.number("access_token_minutes")?;
        Ok(Self(Arc::new(Issuer {
            key: keys::signing(variables)?,
            issuer: variables.text("jwt_issuer")?.to_owned(),
            audience: variables.text("jwt_audience")?.to_owned(),
            lifetime_seconds: minutes * 60,
        })))
    }

    /// Lifetime of a token in seconds.
    pub fn lifetime_seconds(&self) -> u32 {
        self.0.lifetime_seconds
    }

    /// Signs a token for `user` in `session` with these attributes, valid from now on.
    pub fn sign(
        &self,
        user: UserId,
        session: SessionId,
        attributes: Attributes,
    ) -> Result<String, accounts::Error> {
        self.sign_at(user, session, attributes, now())
    }

    fn sign_at(
        &self,
        user: UserId,
        session: SessionId,
        attributes: Attributes,
        now: u64,
    ) -> Result<String, accounts::Error> {
        let Issuer {
            issuer, audience, ..
        } = &*self.0;
        let times = now..now + u64::from(self.0.lifetime_seconds);
        let custom = CustomClaims {
            sid: session.0,
            attributes,
        };
        let claims = keys::claims(issuer, audience, user, custom, times);
        let signed = self.0.key.sign(claims);
        signed.map_err(|error| accounts::Error::Internal(format!("cannot sign a token: {error}")))
    }
}

/// Seconds since 1970. A clock before that counts as 1970, so that no token is valid yet.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn refusal(error: &jwt_simple::Error) -> Refusal {
    Refusal(match error.downcast_ref::<JWTError>() {
        Some(JWTError::InvalidAuthenticationTag | JWTError::InvalidSignature) => {
            "signature is invalid"
        }
        Some(JWTError::TokenHasExpired) => "expired",
        Some(JWTError::TokenNotValidYet | JWTError::ClockDrift) => "not valid yet",
        Some(JWTError::RequiredSignatureTypeMismatch) => "typ is not at+jwt",
        Some(JWTError::RequiredIssuerMismatch | JWTError::RequiredAudienceMismatch) => {
            "iss or aud does not match"
        }
        _ => "malformed",
    })
}

#[cfg(test)]
mod tests;
