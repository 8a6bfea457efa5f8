//! Access tokens: HS256 only for now.
use crate::config::{ConfigError, Variables};
use accounts::{SessionId, UserId};
use jwt_simple::prelude::*;
pub const ACCESS_TOKEN_SECONDS: u64 = 900;
pub const VARIABLES: &[&str] = &[
    "jwt_algorithm",
    "jwt_secret",
    "jwt_secret_previous",
    "jwt_public_key",
    "jwt_public_key_previous",
    "jwt_issuer",
    "jwt_audience",
];
pub const SIGNER_VARIABLES: &[&str] = &["jwt_private_key"];
#[derive(Debug, Clone)]
pub struct AccessClaims {
    pub user: UserId,
    pub session: SessionId,
}
pub struct Refusal(&'static str);
impl Refusal {
    pub fn new(r: &'static str) -> Self {
        Self(r)
    }
    pub fn reason(&self) -> &str {
        self.0
    }
}
#[derive(Clone)]
pub struct Verifier(HS256Key);
#[derive(Clone)]
pub struct Signer(HS256Key);
#[derive(serde::Serialize, serde::Deserialize)]
struct Sid {
    sid: uuid::Uuid,
}
impl Verifier {
    pub fn read(v: &Variables) -> Result<Self, ConfigError> {
        Ok(Self(HS256Key::from_bytes(&v.secret("jwt_secret")?)))
    }
    pub fn verify(&self, t: &str) -> Result<AccessClaims, Refusal> {
        let c = self
            .0
            .verify_token::<Sid>(t, None)
            .map_err(|_| Refusal("bad"))?;
        Ok(AccessClaims {
            user: UserId::parse(&c.subject.unwrap_or_default()).ok_or(Refusal("sub"))?,
            session: SessionId(c.custom.sid),
        })
    }
    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({"keys": []})
    }
}
impl Signer {
    pub fn read(v: &Variables) -> Result<Self, ConfigError> {
        Ok(Self(HS256Key::from_bytes(&v.secret("jwt_secret")?)))
    }
    pub fn sign(&self, u: UserId, s: SessionId) -> Result<String, jwt_simple::Error> {
        self.0.authenticate(
            Claims::with_custom_claims(Sid { sid: s.0 }, Duration::from_secs(900))
                .with_subject(u.to_string()),
        )
    }
}
