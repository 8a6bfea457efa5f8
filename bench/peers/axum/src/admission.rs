//! Authentication and rate limiting before the handlers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{ConnectInfo, Extension, FromRequestParts, RawPathParams, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::app::App;
use crate::cache::{ENDED, Found, Question, alive};
use crate::fingerprint::Network;
use crate::problem::Problem;
use crate::shell::RequestId;
use crate::store::{Actor, SessionState};
use crate::tokens::AccessClaims;
use crate::user::{Role, User, parse_id};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Requests per time window; 0 requests: no limit.
pub struct RateLimit {
    pub requests: u32,
    pub window_seconds: u32,
}

/// The caller, an active user with a live session.
#[derive(Clone)]
pub struct Caller {
    pub user: User,
    /// The other user in the path, if cached.
    pub about: Option<User>,
    pub actor: Actor,
}

impl Caller {
    pub fn require_admin(&self) -> Result<(), Problem> {
        match self.user.role {
            Role::Admin => Ok(()),
            Role::User => Err(Problem::forbidden()),
        }
    }

    /// Returns the id of a user that the caller may see and change. An invalid UUID names no user.
    pub fn self_or_admin(&self, id: &str) -> Result<Uuid, Problem> {
        let id = parse_id(id).ok_or_else(Problem::not_found)?;
        match self.user.role == Role::Admin || id == self.user.id {
            true => Ok(id),
            false => Err(Problem::not_found()),
        }
    }
}

/// Result of [`admit`] for the extractors.
#[derive(Clone)]
struct Admitted {
    caller: Option<User>,
    about: Option<User>,
    has_token: bool,
    actor: Actor,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let admitted = parts.extensions.remove::<Admitted>();
        let admitted = admitted.ok_or_else(|| Problem::internal("the gate did not run"))?;
        let unauthenticated = || Problem::unauthenticated(admitted.has_token);
        Ok(Self {
            user: admitted.caller.ok_or_else(unauthenticated)?,
            about: admitted.about,
            actor: admitted.actor,
        })
    }
}

/// A client that need not be signed in.
pub struct Client {
    pub network: Network,
    pub actor: Actor,
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let network = parts.extensions.remove::<Network>();
        let admitted = parts.extensions.remove::<Admitted>();
        let (Some(network), Some(Admitted { actor, .. })) = (network, admitted) else {
            return Err(Problem::internal("the gate did not run"));
        };
        Ok(Self { network, actor })
    }
}

/// Reads session, caller and rate in one Redis round trip, and rejects requests over the limit.
pub async fn admit(
    State(app): State<Arc<App>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    mut request: Request,
    next: Next,
) -> Response {
    let network = Network::new(&app.addresses, address.ip());
    let client = network.text();
    let token = bearer(request.headers());
    let has_token = token.is_some();
    let claims = token.and_then(|token| app.tokens.verify(token));
    let question = Question {
        caller: claims.map(|claims| (claims.user, claims.session)),
        about: other_user(&mut request, claims).await,
        client,
    };
    // Without Redis nothing is counted, and the caller is read from Postgres.
    let found = app.cache.find(&question, &app.rate_limit).await;
    let mut found = found.unwrap_or_default();
    let rate = found.rate;
    let mut response = match rate {
        Some((false, _, _, retry)) => {
            Problem::rate_limited(retry.div_ceil(1_000).max(1)).into_response()
        }
        _ => match identify(&app, &mut found, claims).await {
            Ok(caller) => {
                request.extensions_mut().insert(network);
                request.extensions_mut().insert(Admitted {
                    caller,
                    about: found.about,
                    has_token,
                    actor: Actor {
                        request_id,
                        client: question.client,
                    },
                });
                next.run(request).await
            }
            Err(problem) => problem.into_response(),
        },
    };
    set_rate(response.headers_mut(), &app.rate_limit, rate);
    response
}

/// Returns the caller, from Redis if it has the entries, else from Postgres.
async fn identify(
    app: &App,
    found: &mut Found,
    claims: Option<AccessClaims>,
) -> Result<Option<User>, Problem> {
    let Some(AccessClaims { user, session }) = claims else {
        return Ok(None);
    };
    if let Some(entry) = &found.session {
        if entry == ENDED {
            return Ok(None);
        }
        let caller = found.caller.take().filter(|caller| *entry == alive(caller));
        if let Some(caller) = caller {
            return Ok(Some(caller).filter(|caller| caller.is_active));
        }
    }
    match app.store.find_caller(user, session).await? {
        SessionState::Alive(caller) => {
            app.cache.keep(caller.clone(), Some(session));
            Ok(Some(caller).filter(|caller| caller.is_active))
        }
        SessionState::Ended => {
            let cache = app.cache.clone();
            tokio::spawn(async move { cache.end(session).await });
            Ok(None)
        }
        SessionState::Anothers => Ok(None),
    }
}

/// Returns the token of the one Authorization header; empty when the header is malformed.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("Bearer").then_some(token)
    });
    match values.next() {
        Some(_) => Some(""),
        None => Some(token.unwrap_or_default()),
    }
}

/// Returns the user that a GET is about, unless that is the caller.
async fn other_user(request: &mut Request, claims: Option<AccessClaims>) -> Option<Uuid> {
    let claims = claims.filter(|_| request.method() == Method::GET)?;
    let params = request.extract_parts::<RawPathParams>().await.ok()?;
    let (_, id) = params.iter().find(|(name, _)| *name == "id")?;
    parse_id(id).filter(|id| *id != claims.user)
}

fn set_rate(headers: &mut HeaderMap, limit: &RateLimit, rate: Option<(bool, u64, u64, u64)>) {
    let Some((allowed, remaining, reset, retry)) = rate else {
        return;
    };
    let millis = if allowed { reset } else { retry };
    let (requests, window) = (limit.requests, limit.window_seconds);
    let policy = format!("\"default\";q={requests};w={window}");
    let now = format!("\"default\";r={remaining};t={}", millis.div_ceil(1_000));
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, now)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}
