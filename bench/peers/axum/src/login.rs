//! `POST /api/v1/auth/login`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::admission::Client;
use crate::app::App;
use crate::body::Body;
use crate::problem::Problem;
use crate::store::{Counted, Opened};
use crate::tokens::LIFETIME_SECONDS;
use crate::users::parse_email;

/// Delay of rejections: a client that retries in a loop takes less time from others.
const PAUSE: Duration = Duration::from_millis(500);
/// Attempts to count before giving up on a missing bucket.
const TRIES: usize = 4;
const MAX_GUESS_CHARACTERS: usize = 1_024;

/// Limits of failed logins; further attempts are delayed.
pub struct AttemptLimits {
    pub per_account: i32,
    pub per_network: i32,
    pub first_delay_seconds: f64,
}

/// A login attempt that was counted.
pub struct Attempt {
    pub user: Option<Uuid>,
    pub hash: Option<String>,
    pub account_key: Vec<u8>,
    pub network_failures: Option<i32>,
}

/// A correct password, and the session to open for it.
pub struct Verified {
    pub user: Uuid,
    pub hash: String,
    pub account_key: Vec<u8>,
    pub network_failures: Option<i32>,
    pub session: Uuid,
    pub token: RefreshToken,
}

/// 256 random bits, of which only hashes are stored.
pub struct RefreshToken([u8; 32]);

impl RefreshToken {
    fn generate() -> Result<Self, Problem> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(Problem::internal)?;
        Ok(Self(bytes))
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text()).to_vec()
    }

    /// Returns the hash of the part that a token shares with its successors.
    pub fn family(&self) -> Vec<u8> {
        let (common, _) = self.0.split_at(16);
        Sha256::digest(common).to_vec()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    email: String,
    password: String,
}

#[derive(Serialize)]
struct TokensView {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    refresh_token: String,
}

/// Opens a session for a client with the right password.
pub async fn login(
    State(app): State<Arc<App>>,
    client: Client,
    Body(login): Body<Login>,
) -> Result<Response, Problem> {
    let email = parse_email(&login.email)?;
    if login.password.chars().count() > MAX_GUESS_CHARACTERS {
        return Err(Problem::invalid(
            "password",
            "must have at most 1024 characters",
        ));
    }
    let verified = verify(&app, &client, email, login.password).await;
    if let Err(Problem {
        code: "busy" | "too_many_attempts",
        ..
    }) = &verified
    {
        tokio::time::sleep(PAUSE).await;
    }
    let verified = verified?;
    let opened = app
        .store
        .open_session(&verified, &client.network.0, &client.actor);
    let Opened { user, ended } = opened.await?.ok_or_else(Problem::invalid_credentials)?;
    for session in ended {
        app.cache.end(session).await;
    }
    let access_token = app.tokens.sign(user.id, verified.session);
    let access_token = access_token.map_err(Problem::internal)?;
    app.cache.keep(user, Some(verified.session));
    let tokens = TokensView {
        access_token,
        token_type: "Bearer",
        expires_in: LIFETIME_SECONDS,
        refresh_token: verified.token.text(),
    };
    Ok((StatusCode::OK, Json(tokens)).into_response())
}

/// Counts the attempt, then compares the password, both in a hashing slot.
async fn verify(
    app: &App,
    client: &Client,
    email: String,
    guess: String,
) -> Result<Verified, Problem> {
    let slot = app.passwords.slot().await?;
    let attempt = count(app, client, &email).await?;
    let is_right = slot.verify(guess, attempt.hash.clone()).await?;
    match (is_right, attempt.user, attempt.hash) {
        (true, Some(user), Some(hash)) => Ok(Verified {
            user,
            hash,
            account_key: attempt.account_key,
            network_failures: attempt.network_failures,
            session: Uuid::now_v7(),
            token: RefreshToken::generate()?,
        }),
        _ => {
            app.store.audit_failure(attempt.user, &client.actor).await?;
            Err(Problem::invalid_credentials())
        }
    }
}

async fn count(app: &App, client: &Client, email: &str) -> Result<Attempt, Problem> {
    let unknown_key = app.emails.fingerprint(email.as_bytes());
    for _ in 0..TRIES {
        let counted = app.store.count_guess(
            email,
            &client.network.0,
            &unknown_key,
            &app.attempts,
            &client.actor,
        );
        match counted.await? {
            Counted::Attempt(attempt) => return Ok(attempt),
            Counted::Wait(seconds) => return Err(Problem::too_many_attempts(seconds)),
            Counted::Again => {}
        }
    }
    Err(Problem::internal(
        "the rows of a login attempt are missing after every retry",
    ))
}
