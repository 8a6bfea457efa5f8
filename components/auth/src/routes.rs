//! Endpoints of auth: each extracts the request, calls the use case and converts the result.

mod introspection;
mod service_accounts;
mod well_known;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use accounts::session::service::SignedIn;
use accounts::session::service::list::context;
use accounts::user::attributes::schema::Schema;
use accounts::{Error, Passwords, ServiceAccounts, SessionId, Sessions, Users};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use web::Problem;
use web::auth::access_control::{AccessControl, Anonymous, Caller, Client};
use web::auth::access_token::{Signer, Verifier};
use web::auth::endpoints::Endpoint;
use web::extract::body::{Form, Json};
use web::extract::idempotency_key;
use web::extract::path::PathId;
use web::extract::query::Query;
use web::openapi::IdempotencyKeyHeader;
use web::response;
use web::response::cursor::CursorKey;
use web::response::list;
use web::response::{SessionList, SessionView, UserView};

use crate::wire::{ListSessions, Login, Refresh, Register, Reset, TokenForm, TokensView};

/// Shared state of the endpoints.
pub struct AuthState {
    pub sessions: Sessions,
    pub users: Users,
    pub passwords: Passwords,
    pub service_accounts: ServiceAccounts,
    pub access_control: AccessControl,
    pub signer: Signer,
    pub verifier: Verifier,
    /// Definitions of attributes.
    pub attributes: Schema,
    pub cursors: CursorKey,
    pub registration_enabled: bool,
    /// True when changes require `If-Match`.
    pub require_if_match: bool,
    pub token_form_enabled: bool,
    /// Delays the response to a rejected attempt, so that a client that retries in a closed loop cannot take
    /// the host's time from all others.
    pub pause: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

web::routes! {
    AuthState:
    Register => register,
    Login => login,
    TokenForm => token_form,
    Refresh => refresh,
    Logout => logout,
    LogoutAll => logout_all,
    ListSessions => list_sessions,
    EndSession => end_session,
    Verify => verify,
    Introspect => introspection::introspect,
    ResetPassword => reset_password,
    Jwks => well_known::jwks,
    ServerMetadata => well_known::metadata,
    ListServiceAccounts => service_accounts::list,
    CreateServiceAccount => service_accounts::create,
    GetServiceAccount => service_accounts::get,
    UpdateServiceAccount => service_accounts::update,
    DeleteServiceAccount => service_accounts::delete,
    CreateApiKey => service_accounts::create_key,
    DeleteApiKey => service_accounts::delete_key,
    [undocumented] ForwardAuth => verify,
}

/// Register
///
/// Creates a user with the role `user`. Returns 404 if registration is switched off.
#[utoipa::path(
    post, path = Endpoint::Register.path(), tag = "auth",
    params(IdempotencyKeyHeader),
    request_body = Register,
    responses(
        (
            status = 201, description = "The new user", body = UserView,
            headers(("ETag"), ("Location"))
        )
    ),
)]
async fn register(
    State(state): State<Arc<AuthState>>,
    Client(address): Client,
    Anonymous(actor): Anonymous,
    headers: HeaderMap,
    body: Result<Json<Register>, Problem>,
) -> Result<Response, Problem> {
    if !state.registration_enabled {
        return Err(Problem::not_found());
    }
    let Json(value) = body?;
    let caller = format!("address {}", address.fingerprint());
    let request = idempotency_key::request(&headers, &caller, "POST /api/v1/auth/register")?;
    let new = value.parse()?;
    let user = state.users.register_user(new, request, &actor);
    response::created_user(state.delay_if_throttled(user.await).await?)
}

/// Log in
///
/// Starts a session. After repeated failures, further attempts on the account or from the client's address
/// are rejected with 429 until `Retry-After` has passed.
#[utoipa::path(
    post, path = Endpoint::Login.path(), tag = "auth",
    request_body = Login,
    responses((status = 200, description = "An access token and a refresh token", body = TokensView)),
)]
async fn login(
    State(state): State<Arc<AuthState>>,
    Client(address): Client,
    Anonymous(actor): Anonymous,
    Json(value): Json<Login>,
) -> Result<Response, Problem> {
    let (email, submitted) = value.parse()?;
    let sign_in = state.sessions.sign_in(&email, &submitted, &address, &actor);
    let signed_in = state.delay_if_throttled(sign_in.await).await?;
    state.tokens(&signed_in)
}

/// Log in with a form
///
/// The OAuth2 password grant (RFC 6749, section 4.3), for the Authorize button of this documentation. Returns
/// 404 if it is switched off, as it should be in production.
#[utoipa::path(
    post, path = Endpoint::TokenForm.path(), tag = "auth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "An access token and a refresh token", body = TokensView)),
)]
async fn token_form(
    State(state): State<Arc<AuthState>>,
    Client(address): Client,
    Anonymous(actor): Anonymous,
    form: Result<Form<TokenForm>, Problem>,
) -> Result<Response, Problem> {
    if !state.token_form_enabled {
        return Err(Problem::not_found());
    }
    let form = form.and_then(|Form(form)| form.parse());
    let (email, submitted) = form.map_err(Problem::into_oauth)?;
    let sign_in = state.sessions.sign_in(&email, &submitted, &address, &actor);
    let signed_in = state.delay_if_throttled(sign_in.await).await;
    state.tokens(&signed_in.map_err(|error| Problem::from(error).into_oauth())?)
}

/// Refresh the tokens
///
/// Each refresh token can be used once. In case the response was lost, a used token returns the same
/// successor for a few seconds. After that, or if the successor was used, reusing the token ends its session.
#[utoipa::path(
    post, path = Endpoint::Refresh.path(), tag = "auth",
    request_body = Refresh,
    responses((status = 200, description = "An access token and a refresh token", body = TokensView)),
)]
async fn refresh(
    State(state): State<Arc<AuthState>>,
    Anonymous(actor): Anonymous,
    Json(value): Json<Refresh>,
) -> Result<Response, Problem> {
    let spent = value.parse()?;
    let refreshed = state.sessions.refresh(&spent, &actor);
    state.tokens(&refreshed.await?)
}

/// Log out
///
/// Ends the session of the access token.
#[utoipa::path(
    post, path = Endpoint::Logout.path(), tag = "auth",
    responses((status = 204, description = "The session has ended")),
)]
async fn logout(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let (user, session) = (caller.user.id, caller.session);
    match state.sessions.end(user, session, &caller.actor()).await {
        // Another request has ended it meanwhile, with the requested effect.
        Ok(()) | Err(Error::NotFound) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// Log out everywhere
///
/// Ends all sessions of the caller.
#[utoipa::path(
    post, path = Endpoint::LogoutAll.path(), tag = "auth",
    responses((status = 204, description = "All sessions have ended")),
)]
async fn logout_all(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let actor = caller.actor();
    state.sessions.end_all(caller.user.id, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List your sessions
///
/// Returns a page of the caller's live sessions, newest first by default.
#[utoipa::path(
    get, path = Endpoint::ListSessions.path(), tag = "auth",
    params(ListSessions),
    responses((
        status = 200, description = "A page of sessions", body = SessionList,
        headers(("Link"))
    )),
)]
async fn list_sessions(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    uri: Uri,
    Query(sent): Query<ListSessions>,
) -> Result<Response, Problem> {
    let mut query = sent.parse()?;
    let context = context(caller.user.id, query.sort);
    query.window.after = list::position(&state.cursors, sent.cursor.as_deref(), &context)?;
    let page = state.sessions.list(caller.user.id, &query).await?;
    let page = page.map(|session| SessionView::new(session, caller.session));
    list::page::<_, SessionView>(&state.cursors, &context, &uri, page)
}

/// End a session
///
/// Ends one of the caller's own sessions.
#[utoipa::path(
    delete, path = Endpoint::EndSession.path(), tag = "auth",
    params(PathId<SessionId>),
    responses((status = 204, description = "The session has ended")),
)]
async fn end_session(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    PathId(session): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    let user = caller.user.id;
    state.sessions.end(user, session, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Verify a token
///
/// For proxies that check the token of each request before another service receives it (nginx `auth_request`,
/// Traefik `ForwardAuth`). Unlike a check of the signature, it rejects the tokens of sessions that have ended
/// and of users that are inactive. Not rate limited. `/api/v1/auth/forward` is the same with every method, for Envoy's
/// `ext_authz`.
#[utoipa::path(
    get, path = Endpoint::Verify.path(), tag = "auth",
    responses((
        status = 200, description = "The token is valid; the response has no body",
        headers(("X-User-Id"), ("X-User-Role"), ("X-Session-Id"))
    )),
)]
async fn verify(caller: Caller) -> impl IntoResponse {
    [
        ("cache-control", "no-store".to_owned()),
        ("x-user-id", caller.user.id.to_string()),
        ("x-user-role", caller.user.role.as_str().to_owned()),
        ("x-session-id", caller.session.0.to_string()),
    ]
}

/// Reset a password
///
/// Sets a new password with a token from an admin. Ends all sessions of the user.
#[utoipa::path(
    post, path = Endpoint::ResetPassword.path(), tag = "auth",
    request_body = Reset,
    responses((status = 204, description = "The password has been reset")),
)]
async fn reset_password(
    State(state): State<Arc<AuthState>>,
    Anonymous(actor): Anonymous,
    Json(value): Json<Reset>,
) -> Result<StatusCode, Problem> {
    let (token, password) = value.parse()?;
    let reset = state.passwords.reset(&token, &password, &actor);
    state.delay_if_throttled(reset.await).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl AuthState {
    fn tokens(&self, signed_in: &SignedIn) -> Result<Response, Problem> {
        let SignedIn { user, session, .. } = signed_in;
        let attributes = self.attributes.for_token(&user.attributes);
        let access_token = self
            .signer
            .sign(user.id, *session, attributes)
            .map_err(|error| Problem::internal(error.to_string()))?;
        let expires_in = self.signer.lifetime_seconds();
        let tokens = TokensView::new(access_token, expires_in, &signed_in.refresh_token);
        response::secret_json(StatusCode::OK, &tokens)
    }

    /// Delays the response to a rejected attempt.
    async fn delay_if_throttled<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::TooManyAttempts(_) | Error::Busy) = result {
            (self.pause)().await;
        }
        result
    }
}

#[cfg(test)]
mod tests;
