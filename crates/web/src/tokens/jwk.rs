//! The public keys as others read them (RFC 7517, RFC 8037).

use serde::Serialize;
use utoipa::ToSchema;

/// The keys that verify access tokens; empty when a shared secret signs them.
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
    /// As in the header of the tokens that it verifies.
    #[schema(example = "MoqqDIr2Fk0fCvUrsIUFcg")]
    pub kid: String,
    /// The key, base64url without padding.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    pub x: String,
}
