//! JSON of the auth endpoints: request and response bodies, and queries.

pub mod introspection;
pub mod service_accounts;

use accounts::error::FieldErrors;
use accounts::pagination::TimeQuery;
use accounts::password::{Password, SubmittedPassword};
use accounts::session::OpaqueToken;
use accounts::user::email::Email;
use accounts::user::full_name::FullName;
use accounts::{Error, NewUser};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::Problem;
use web::extract::parameter::parse_time_query;

/// Body of `POST /api/v1/auth/register`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = FullName)]
    full_name: String,
    #[schema(value_type = Password)]
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
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    #[schema(value_type = Email)]
    email: String,
    #[schema(value_type = SubmittedPassword)]
    password: String,
}

impl Login {
    pub fn parse(self) -> Result<(Email, SubmittedPassword), Error> {
        let mut errors = FieldErrors::default();
        let email = errors.check("email", Email::parse(&self.email));
        let submitted = errors.check("password", SubmittedPassword::parse(self.password));
        errors.finish(email.zip(submitted))
    }
}

/// Form of `POST /api/v1/auth/token` (RFC 6749, section 4.3), as Swagger UI sends it. Other parameters, such
/// as client credentials and scopes, are ignored (section 3.2).
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    /// Must be `password`.
    #[schema(pattern = "^password$", example = "password")]
    grant_type: String,
    /// Email of the user.
    #[schema(value_type = Email)]
    username: String,
    #[schema(value_type = SubmittedPassword)]
    password: String,
    /// Ignored, like every other parameter.
    #[serde(rename = "scope")]
    _scope: Option<String>,
    /// Ignored.
    #[serde(rename = "client_id")]
    _client_id: Option<String>,
    /// Ignored.
    #[serde(rename = "client_secret")]
    _client_secret: Option<String>,
}

impl TokenForm {
    pub fn parse(self) -> Result<(Email, SubmittedPassword), Problem> {
        if self.grant_type != "password" {
            return Err(Problem::unsupported_grant_type());
        }
        let mut errors = FieldErrors::default();
        let email = errors.check("username", Email::parse(&self.username));
        let submitted = errors.check("password", SubmittedPassword::parse(self.password));
        Ok(errors.finish(email.zip(submitted))?)
    }
}

/// Body of `POST /api/v1/auth/refresh`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    #[schema(
        pattern = "^[A-Za-z0-9_-]{43}$",
        example = "0nZ4Lr5jD2l1xN0tV4i2Yc1w6m8bO3sQ7kE9uA5fTgI"
    )]
    refresh_token: String,
}

impl Refresh {
    /// Parses the refresh token; a text of another form is rejected like an invalid token.
    pub fn parse(self) -> Result<OpaqueToken, Error> {
        OpaqueToken::parse(&self.refresh_token).ok_or(Error::BadRefreshToken)
    }
}

/// Body of `POST /api/v1/auth/reset`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    #[schema(example = "0nZ4Lr5jD2l1xN0tV4i2Yc1w6m8bO3sQ7kE9uA5fTgI")]
    pub token: String,
    #[schema(value_type = Password)]
    new_password: String,
}

impl Reset {
    pub fn parse(self) -> Result<(String, Password), Error> {
        let mut errors = FieldErrors::default();
        let password = errors.check("new_password", Password::parse(self.new_password));
        errors.finish(password.map(|password| (self.token, password)))
    }
}

/// Response of login, refresh and the token form (RFC 6749, section 5.1).
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub struct TokensView<'a> {
    /// Token for the `Authorization` header, as `Bearer <token>`.
    #[schema(
        example = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTkyIn0.c2lnbmF0dXJl"
    )]
    pub access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Lifetime of the access token in seconds.
    #[schema(example = 900)]
    expires_in: u32,
    /// Token for `POST /api/v1/auth/refresh`; can be used once.
    #[schema(example = "0nZ4Lr5jD2l1xN0tV4i2Yc1w6m8bO3sQ7kE9uA5fTgI")]
    pub refresh_token: &'a str,
}

impl<'a> TokensView<'a> {
    pub fn new(access_token: String, expires_in: u32, refresh_token: &'a OpaqueToken) -> Self {
        Self {
            access_token,
            token_type: "Bearer",
            expires_in,
            refresh_token: refresh_token.reveal(),
        }
    }
}

/// Query of `GET /api/v1/auth/sessions`. Fields are text, so that each error can describe the expected value.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListSessions {
    /// `next` of the previous page. All parameters except `limit` and `include_total` must be the same as for
    /// that page.
    pub cursor: Option<String>,
    #[param(schema_with = web::openapi::limit)]
    limit: Option<String>,
    #[param(schema_with = web::openapi::time_sort)]
    sort: Option<String>,
    /// `true` adds `total`, the number of sessions on all pages.
    #[param(value_type = Option<bool>, default = false)]
    include_total: Option<String>,
}

impl ListSessions {
    /// Parses the parameters and reports all errors at once.
    pub fn parse(&self) -> Result<TimeQuery, Error> {
        parse_time_query(
            self.limit.as_deref(),
            self.sort.as_deref(),
            self.include_total.as_deref(),
        )
    }
}
