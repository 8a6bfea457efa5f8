//! The public keys as a JWK set (RFC 7517, RFC 8037).

use serde::Serialize;
use utoipa::ToSchema;

/// Public keys that verify access tokens; empty when the tokens are signed with a shared secret.
#[derive(Serialize, ToSchema)]
pub struct JwkSet {
    pub keys: Vec<Jwk>,
}

/// An Ed25519 public key.
#[derive(Serialize, ToSchema)]
pub struct Jwk {
    #[schema(example = "OKP")]
    pub kty: &'static str,
    #[schema(example = "Ed25519")]
    pub crv: &'static str,
    #[schema(example = "EdDSA")]
    pub alg: &'static str,
    #[schema(example = "sig")]
    pub r#use: &'static str,
    /// Key id, as in the header of the tokens that the key verifies.
    #[schema(example = "MoqqDIr2Fk0fCvUrsIUFcg")]
    pub kid: String,
    /// Public key in base64url without padding.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    pub x: String,
}
