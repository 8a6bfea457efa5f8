//! Introspection of tokens (RFC 7662).

use accounts::Role;
use accounts::user::attributes::Attributes;
use accounts::user::attributes::schema::Schema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use web::auth::access_control::Inspected;

/// Body of `POST /api/v1/auth/introspect`.
#[derive(Deserialize, ToSchema)]
pub struct Introspect {
    /// An access token or an API key.
    #[schema(
        example = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTkyIn0.c2lnbmF0dXJl"
    )]
    pub token: String,
    /// Ignored, like every other parameter: the token itself shows its kind.
    #[serde(rename = "token_type_hint")]
    _token_type_hint: Option<String>,
}

/// State of a token (RFC 7662, section 2.2). An invalid one has `active` alone.
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    /// True when the token is valid now: its session has not ended, and its user or account is active.
    #[schema(example = true)]
    active: bool,
    /// `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Bearer")]
    token_type: Option<&'static str>,
    /// Id of the user, or of the service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11")]
    sub: Option<Uuid>,
    /// Email of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ada@example.com")]
    username: Option<String>,
    /// Role of the user now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role: Option<Role>,
    /// Id of the user's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "019927e2-7c11-7e02-a9b3-4f6d8e0a1c33")]
    sid: Option<Uuid>,
    /// Attributes of the user now, those that access tokens contain (`x-token`).
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    #[schema(required = false)]
    attributes: Attributes,
    /// Name of the service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "billing")]
    client_id: Option<String>,
    /// Scopes of the service account, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "users:read")]
    scope: Option<String>,
    /// Issuer of an access token, `jwt_issuer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://api.example.com")]
    iss: Option<String>,
    /// Time at which an access token was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_795_512_600)]
    iat: Option<u32>,
    /// Time at which an access token expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1_795_513_500)]
    exp: Option<u32>,
}

impl Introspection {
    /// `None` is an invalid token.
    pub fn new(inspected: Option<Inspected>, issuer: &str, attributes: &Schema) -> Self {
        match inspected {
            Some(Inspected::Token(claims, user)) => Self {
                active: true,
                token_type: Some("Bearer"),
                sub: Some(user.id.0),
                username: Some(user.email.as_str().to_owned()),
                role: Some(user.role),
                sid: Some(claims.session.0),
                attributes: attributes.for_token(&user.attributes),
                iss: Some(issuer.to_owned()),
                iat: Some(claims.issued_at),
                exp: Some(claims.expires_at),
                ..Self::default()
            },
            Some(Inspected::Key(account)) => Self {
                active: true,
                token_type: Some("Bearer"),
                sub: Some(account.id.0),
                client_id: Some(account.name.as_str().to_owned()),
                scope: Some(account.scopes.to_string()),
                ..Self::default()
            },
            None => Self::default(),
        }
    }
}
