//! The endpoints of auth: extract, call the use case, convert.

use std::future::Future;
use std::pin::Pin;

use accounts::sessions::SignedIn;
use accounts::{Actor, Error, Passwords, SessionId, Sessions, Users};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use web::body::{Form, Json};
use web::context::RequestContext;
use web::endpoints::Endpoint;
use web::gate::{Caller, Client, Gate, Routes};
use web::tokens::{Signer, Verifier};
use web::{Problem, answer, idempotency};

use crate::wire::{
    Login, Refresh, Register, Reset, SessionList, SessionView, TokenForm, TokensView,
};

/// What the endpoints work with.
#[derive(Clone)]
pub struct AuthState {
    pub sessions: Sessions,
    pub users: Users,
    pub passwords: Passwords,
    pub signer: Signer,
    pub verifier: Verifier,
    pub registration_enabled: bool,
    pub token_form_enabled: bool,
    /// Waits a moment: refused logins are answered late, so that a closed loop of them cannot take
    /// the host's time from everybody else.
    pub pause: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

pub fn router(gate: Gate, state: AuthState) -> Router {
    Routes::behind(gate)
        .serve(Endpoint::Register, register)
        .serve(Endpoint::Login, login)
        .serve(Endpoint::TokenForm, token_form)
        .serve(Endpoint::Refresh, refresh)
        .serve(Endpoint::Logout, logout)
        .serve(Endpoint::LogoutAll, logout_all)
        .serve(Endpoint::ListSessions, list_sessions)
        .serve(Endpoint::EndSession, end_session)
        .serve(Endpoint::ResetPassword, reset_password)
        .serve(Endpoint::Jwks, jwks)
        .with_state(state)
}

async fn register(
    State(state): State<AuthState>,
    Client(address): Client,
    context: RequestContext,
    headers: HeaderMap,
    body: Result<Json<Register>, Problem>,
) -> Result<Response, Problem> {
    if !state.registration_enabled {
        return Err(Problem::not_found());
    }
    let Json { value, bytes } = body?;
    let caller = format!("address {}", address.fingerprint());
    let request = idempotency::request(&headers, &caller, "POST /api/v1/auth/register", &bytes)?;
    let actor = Actor::anonymous(context.request_id);
    let new = value.parse()?;
    let user = state.users.register_user(new, request, &actor);
    answer::created_user(state.or_later(user.await).await?)
}

async fn login(
    State(state): State<AuthState>,
    Client(address): Client,
    context: RequestContext,
    Json { value, .. }: Json<Login>,
) -> Result<Response, Problem> {
    let (email, guess) = value.parse()?;
    let request_id = &context.request_id;
    let sign_in = state.sessions.sign_in(&email, &guess, &address, request_id);
    let signed_in = state.or_later(sign_in.await).await?;
    state.tokens(&signed_in)
}

async fn token_form(
    State(state): State<AuthState>,
    Client(address): Client,
    context: RequestContext,
    form: Result<Form<TokenForm>, Problem>,
) -> Result<Response, Problem> {
    if !state.token_form_enabled {
        return Err(Problem::not_found());
    }
    let (email, guess) = form?.0.parse()?;
    let request_id = &context.request_id;
    let sign_in = state.sessions.sign_in(&email, &guess, &address, request_id);
    let signed_in = state.or_later(sign_in.await).await?;
    state.tokens(&signed_in)
}

async fn refresh(
    State(state): State<AuthState>,
    context: RequestContext,
    Json { value, .. }: Json<Refresh>,
) -> Result<Response, Problem> {
    let spent = value.parse()?;
    let refreshed = state.sessions.refresh(&spent, &context.request_id);
    state.tokens(&refreshed.await?)
}

async fn logout(State(state): State<AuthState>, caller: Caller) -> Result<StatusCode, Problem> {
    let (user, session) = (caller.user.id, caller.session);
    match state.sessions.end(user, session, &caller.request_id).await {
        // Another request ended it meanwhile, which is what was asked for.
        Ok(()) | Err(Error::NotFound) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

async fn logout_all(State(state): State<AuthState>, caller: Caller) -> Result<StatusCode, Problem> {
    let actor = caller.actor();
    state.sessions.end_all(caller.user.id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_sessions(
    State(state): State<AuthState>,
    caller: Caller,
) -> Result<Response, Problem> {
    let sessions = state.sessions.list(caller.user.id).await?;
    let items = sessions
        .into_iter()
        .map(|session| SessionView::new(session, caller.session))
        .collect();
    answer::json(StatusCode::OK, &SessionList { items, next: None })
}

async fn end_session(
    State(state): State<AuthState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let session = SessionId::parse(&id).ok_or_else(Problem::not_found)?;
    let user = caller.user.id;
    state
        .sessions
        .end(user, session, &caller.request_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset_password(
    State(state): State<AuthState>,
    context: RequestContext,
    Json { value, .. }: Json<Reset>,
) -> Result<StatusCode, Problem> {
    let (token, password) = value.parse()?;
    let reset = state
        .passwords
        .reset(&token, &password, &context.request_id);
    state.or_later(reset.await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The keys that verify access tokens (RFC 7517), for whoever checks them elsewhere.
async fn jwks(State(state): State<AuthState>) -> Result<Response, Problem> {
    let mut response = answer::secret_json(StatusCode::OK, &state.verifier.jwks())?;
    let cached = HeaderValue::from_static("public, max-age=300");
    response.headers_mut().insert(CACHE_CONTROL, cached);
    Ok(response)
}

impl AuthState {
    fn tokens(&self, signed_in: &SignedIn) -> Result<Response, Problem> {
        let access_token = self
            .signer
            .sign(signed_in.user.id, signed_in.session)
            .map_err(|error| Problem::internal(error.to_string()))?;
        let tokens = TokensView::new(access_token, &signed_in.refresh_token);
        answer::secret_json(StatusCode::OK, &tokens)
    }

    /// Holds back the answer that sends somebody away.
    async fn or_later<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::TooManyAttempts(_) | Error::Busy) = result {
            (self.pause)().await;
        }
        result
    }
}

#[cfg(test)]
mod tests;
