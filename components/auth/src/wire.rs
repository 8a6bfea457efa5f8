//! The JSON of the auth endpoints: what clients send and what they get.

use accounts::email::Email;
use accounts::error::FieldErrors;
use accounts::password::{Guess, Password};
use accounts::session::{OpaqueToken, Session};
use accounts::{Error, NewUser, SessionId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;
use web::tokens::ACCESS_TOKEN_SECONDS;

/// Body of `POST /api/v1/auth/register`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    email: String,
    full_name: String,
    password: String,
}

impl Register {
    pub fn parse(self) -> Result<NewUser, Error> {
        NewUser::parse(
            &self.email,
            &self.full_name,
            Some(self.password),
            None,
            None,
        )
    }
}

/// Body of `POST /api/v1/auth/login`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    email: String,
    password: String,
}

impl Login {
    pub fn parse(self) -> Result<(Email, Guess), Error> {
        let mut errors = FieldErrors::default();
        let email = errors.check("email", Email::parse(&self.email));
        let guess = errors.check("password", Guess::parse(self.password));
        errors.finish(email.zip(guess))
    }
}

/// Form of `POST /api/v1/auth/token` (RFC 6749, section 4.3): what Swagger UI sends. Client
/// credentials and scopes are not used.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenForm {
    grant_type: String,
    username: String,
    password: String,
    #[serde(rename = "scope")]
    _scope: Option<String>,
    #[serde(rename = "client_id")]
    _client_id: Option<String>,
    #[serde(rename = "client_secret")]
    _client_secret: Option<String>,
}

impl TokenForm {
    pub fn parse(self) -> Result<(Email, Guess), Error> {
        let mut errors = FieldErrors::default();
        let grant = match self.grant_type.as_str() {
            "password" => Ok(()),
            _ => Err("must be `password`"),
        };
        let grant = errors.check("grant_type", grant);
        let email = errors.check("username", Email::parse(&self.username));
        let guess = errors.check("password", Guess::parse(self.password));
        errors.finish(grant.and(email.zip(guess)))
    }
}

/// Body of `POST /api/v1/auth/refresh`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh_token: String,
}

impl Refresh {
    /// What has not the form of a token is none of ours.
    pub fn parse(self) -> Result<OpaqueToken, Error> {
        OpaqueToken::parse(&self.refresh_token).ok_or(Error::BadRefreshToken)
    }
}

/// Body of `POST /api/v1/auth/reset`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    pub token: String,
    new_password: String,
}

impl Reset {
    pub fn parse(self) -> Result<(String, Password), Error> {
        let mut errors = FieldErrors::default();
        let password = errors.check("new_password", Password::parse(self.new_password));
        errors.finish(password.map(|password| (self.token, password)))
    }
}

/// Answer of login, refresh and the token form (RFC 6749, section 5.1).
#[derive(Serialize)]
pub struct TokensView<'a> {
    pub access_token: String,
    token_type: &'static str,
    expires_in: u32,
    pub refresh_token: &'a str,
}

impl<'a> TokensView<'a> {
    pub fn new(access_token: String, refresh_token: &'a OpaqueToken) -> Self {
        Self {
            access_token,
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_SECONDS,
            refresh_token: refresh_token.reveal(),
        }
    }
}

/// A session as its user sees it.
#[derive(Serialize)]
pub struct SessionView {
    id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    last_used_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    /// The one that asks.
    current: bool,
}

impl SessionView {
    pub fn new(session: Session, current: SessionId) -> Self {
        Self {
            id: session.id.0,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            current: session.id == current,
        }
    }
}

/// The caller's sessions: one page holds them all.
#[derive(Serialize)]
pub struct SessionList {
    pub items: Vec<SessionView>,
    pub next: Option<String>,
}
