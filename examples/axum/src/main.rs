//! A service that accepts Roster's access tokens.
//!
//! `GET /orders` verifies the token with Roster's public keys, without a call to Roster. `POST /orders` lets Roster check
//! it, so that a user who has signed out is refused at once.
//!
//! ```text
//! ROSTER_URL=https://api.example.com ROSTER_KEY=rsk_... LISTEN=127.0.0.1:8082 cargo run -p example-axum
//! ```
//!
//! `ROSTER_KEY` is the key of a service account with the scope `tokens:introspect`.

mod keys;

use std::env;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use roster_client::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use keys::Keys;

struct Service {
    keys: Keys,
    /// Sends the key of the service account.
    api: Client,
}

#[tokio::main]
async fn main() -> Result<()> {
    let variable = |name| env::var(name).context(name);
    let url = variable("ROSTER_URL")?;
    let service = Service {
        keys: Keys::new(Client::new(&url)?),
        api: Client::signed_in(&url, &variable("ROSTER_KEY")?)?,
    };
    let app = Router::new()
        .route("/orders", get(list_orders).post(create_order))
        .with_state(Arc::new(service));
    let listen = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8082".into());
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn list_orders(Verified(user): Verified) -> Json<Value> {
    Json(json!({ "user": user }))
}

async fn create_order(Introspected(user): Introspected) -> Json<Value> {
    Json(json!({ "user": user }))
}

/// Id of the user whose session was alive when the token was issued, at most 15 minutes ago.
struct Verified(String);

impl FromRequestParts<Arc<Service>> for Verified {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Self::Rejection> {
        let token = token(&parts.headers).ok_or(Refusal::Invalid)?;
        service.keys.verify(token).await.map(Self)
    }
}

/// Id of the user, or of the service account, whose token is valid now.
struct Introspected(String);

impl FromRequestParts<Arc<Service>> for Introspected {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Self::Rejection> {
        let token = token(&parts.headers).ok_or(Refusal::Invalid)?;
        let request = service.api.introspect();
        let response = request.body_map(|body| body.token(token)).send().await;
        let state = response.map_err(Refusal::unavailable)?.into_inner();
        let subject = state.sub.filter(|_| state.active);
        subject
            .map(|id| Self(id.to_string()))
            .ok_or(Refusal::Invalid)
    }
}

/// The token of the `Authorization` header.
fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

/// Reason for which a request is refused.
enum Refusal {
    /// No token, or an invalid one.
    Invalid,
    /// The token could not be checked.
    Unavailable,
}

impl Refusal {
    fn unavailable(error: impl std::fmt::Display) -> Self {
        eprintln!("the token could not be checked: {error}");
        Self::Unavailable
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Invalid => {
                (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response()
            }
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}
