//! `/.well-known`: the public keys, and the metadata that leads to them, for services that verify tokens themselves.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;
use web::Problem;
use web::auth::access_token::JwkSet;
use web::auth::endpoints::Endpoint;
use web::response;

use super::AuthState;

/// Get the public keys
///
/// Returns the public keys that verify access tokens (RFC 7517), for other services that verify them.
#[utoipa::path(
    get, path = Endpoint::Jwks.path(), tag = "auth",
    responses((status = 200, description = "The public keys", body = JwkSet)),
)]
pub(super) async fn jwks(State(state): State<Arc<AuthState>>) -> Result<Response, Problem> {
    public_json(&state.verifier.jwks())
}

/// Metadata of the server (RFC 8414, section 2).
#[derive(Serialize, ToSchema)]
pub struct ServerMetadata {
    /// `jwt_issuer`: the claim `iss` of access tokens.
    #[schema(example = "https://api.example.com")]
    issuer: String,
    /// URL of the public keys; absent when tokens are signed with a shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "https://api.example.com/.well-known/jwks.json"
    )]
    jwks_uri: Option<String>,
    /// URL of the OAuth2 password form; absent when it is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "https://api.example.com/api/v1/auth/token"
    )]
    token_endpoint: Option<String>,
    /// Empty when the password form is switched off.
    #[schema(example = json!(["password"]))]
    grant_types_supported: &'static [&'static str],
    /// Always `none`: there are no clients with secrets.
    #[schema(example = json!(["none"]))]
    token_endpoint_auth_methods_supported: &'static [&'static str],
    /// Always empty: there is no authorization endpoint.
    #[schema(example = json!([]))]
    response_types_supported: &'static [&'static str],
}

impl ServerMetadata {
    /// Returns `None` unless the issuer is the URL of a server, without a path: clients derive this document's URL from
    /// it.
    fn new(issuer: &str, has_keys: bool, has_token_form: bool) -> Option<Self> {
        let uri: Uri = issuer.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        if !["https", "http"].contains(&scheme) || issuer != format!("{scheme}://{authority}") {
            return None;
        }
        let url = |endpoint: Endpoint| format!("{issuer}{}", endpoint.path());
        Some(Self {
            issuer: issuer.to_owned(),
            jwks_uri: has_keys.then(|| url(Endpoint::Jwks)),
            token_endpoint: has_token_form.then(|| url(Endpoint::TokenForm)),
            grant_types_supported: if has_token_form { &["password"] } else { &[] },
            token_endpoint_auth_methods_supported: &["none"],
            response_types_supported: &[],
        })
    }
}

/// Get the server's metadata
///
/// Returns the metadata of RFC 8414, from which a service that knows the issuer finds the public keys. 404 unless
/// `jwt_issuer` is a URL without a path, such as `https://api.example.com`.
#[utoipa::path(
    get, path = Endpoint::ServerMetadata.path(), tag = "auth",
    responses((status = 200, description = "The metadata", body = ServerMetadata)),
)]
pub(super) async fn metadata(State(state): State<Arc<AuthState>>) -> Result<Response, Problem> {
    let has_keys = !state.verifier.jwks().keys.is_empty();
    let metadata = ServerMetadata::new(state.verifier.issuer(), has_keys, state.token_form_enabled);
    public_json(&metadata.ok_or_else(Problem::not_found)?)
}

/// Returns JSON that every cache may store for five minutes.
fn public_json(body: &impl Serialize) -> Result<Response, Problem> {
    let mut response = response::secret_json(StatusCode::OK, body)?;
    let cached = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, cached);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_url_of_a_server_has_metadata() {
        for issuer in ["https://api.example.com", "http://127.0.0.1:3000"] {
            assert!(
                ServerMetadata::new(issuer, true, true).is_some(),
                "{issuer}"
            );
        }
        for issuer in [
            "roster",
            "",
            "https://api.example.com/",
            "https://api.example.com/a",
            "https://api.example.com?a",
            "ftp://api.example.com",
            "HTTPS://api.example.com/a b",
        ] {
            assert!(
                ServerMetadata::new(issuer, true, true).is_none(),
                "{issuer}"
            );
        }
    }

    #[test]
    fn only_endpoints_that_exist_are_named() {
        let metadata = ServerMetadata::new("https://a.example", false, false).unwrap();
        let json = serde_json::to_value(metadata).unwrap();
        let members: Vec<_> = json.as_object().unwrap().keys().collect();
        let all = [
            "grant_types_supported",
            "issuer",
            "response_types_supported",
            "token_endpoint_auth_methods_supported",
        ];
        assert_eq!(members, all);
        assert_eq!(json["grant_types_supported"], serde_json::json!([]));
    }
}
