//! Access tokens: JWTs (RFC 9068) signed with HS256.

use std::collections::HashSet;

use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::{Audiences, Claims};
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude::Duration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::settings::Settings;
use crate::user::parse_id;

pub const LIFETIME_SECONDS: u64 = 900;
const LEEWAY_SECONDS: u64 = 60;
const MAX_BYTES: usize = 4096;
const TYP: &str = "at+jwt";

/// Claims beside the registered ones.
#[derive(Serialize, Deserialize)]
struct SessionClaim {
    sid: Uuid,
}

/// User and session that a token names.
#[derive(Clone, Copy)]
pub struct AccessClaims {
    pub user: Uuid,
    pub session: Uuid,
}

/// Signs and verifies access tokens.
pub struct Tokens {
    key: HS256Key,
    issuer: String,
    audience: String,
    options: VerificationOptions,
}

impl Tokens {
    pub fn new(settings: &Settings) -> Self {
        Self {
            key: HS256Key::from_bytes(settings.jwt_secret.as_bytes()),
            issuer: settings.jwt_issuer.clone(),
            audience: settings.jwt_audience.clone(),
            options: VerificationOptions {
                required_signature_type: Some(TYP.to_owned()),
                allowed_issuers: Some(HashSet::from([settings.jwt_issuer.clone()])),
                allowed_audiences: Some(HashSet::from([settings.jwt_audience.clone()])),
                time_tolerance: Some(Duration::from_secs(LEEWAY_SECONDS)),
                max_token_length: Some(MAX_BYTES),
                ..VerificationOptions::default()
            },
        }
    }

    /// Signs a token for `user` in `session`, valid from now.
    pub fn sign(&self, user: Uuid, session: Uuid) -> Result<String, jwt_simple::Error> {
        let lifetime = Duration::from_secs(LIFETIME_SECONDS);
        let mut claims = Claims::with_custom_claims(SessionClaim { sid: session }, lifetime)
            .with_issuer(&self.issuer)
            .with_subject(user);
        claims.audiences = Some(Audiences::AsString(self.audience.clone()));
        let header = HeaderOptions {
            signature_type: Some(TYP.to_owned()),
            content_type: None,
        };
        self.key.authenticate_with_options(claims, &header)
    }

    /// Returns the claims of a token with a valid signature, type, times, issuer and audience.
    pub fn verify(&self, token: &str) -> Option<AccessClaims> {
        let options = Some(self.options.clone());
        let claims = self.key.verify_token::<SessionClaim>(token, options).ok()?;
        // The library treats times as optional.
        let (issued, expires) = (claims.issued_at?, claims.expires_at?);
        claims.invalid_before?;
        let longest = Duration::from_secs(LIFETIME_SECONDS + LEEWAY_SECONDS);
        (expires <= issued + longest).then_some(AccessClaims {
            user: parse_id(&claims.subject?)?,
            session: claims.custom.sid,
        })
    }
}
