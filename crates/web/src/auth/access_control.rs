//! Authentication, authorization and rate limiting for every endpoint.
//!
//! A router consists of [`Endpoint`]s only, each behind [`enforce`]: a request that the endpoint's row in the
//! table does not allow never reaches its handler.

mod bearer;
mod limits;

use std::sync::Arc;

use accounts::authentication::{AuthRequest, Authenticated, RateKeys};
use accounts::keys::FingerprintKey;
use accounts::{Actor, Authenticator, ClientAddress, Role, SessionId, User, UserId};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use axum::{RequestExt, Router};
use http::request::Parts;

use crate::Problem;
use crate::auth::access_token::Verifier;
use crate::auth::endpoints::{Access, Endpoint, Limit, Prefetch};
use crate::extract::parameter::parse_uuid;
use crate::middleware::request_id::RequestContext;
use bearer::Bearer;
pub use limits::ProxyHops;
pub(crate) use limits::rate_limited;

/// The access-control layer, with its dependencies.
#[derive(Clone)]
pub struct AccessControl(Arc<Inner>);

struct Inner {
    tokens: Verifier,
    authenticator: Authenticator,
    hops: ProxyHops,
    addresses: FingerprintKey,
}

impl AccessControl {
    /// `hops` is the number of trusted proxies in front of the host; `addresses` fingerprints clients for
    /// limits and the audit trail.
    pub fn new(
        tokens: Verifier,
        authenticator: Authenticator,
        hops: ProxyHops,
        addresses: FingerprintKey,
    ) -> Self {
        Self(Arc::new(Inner {
            tokens,
            authenticator,
            hops,
            addresses,
        }))
    }
}

/// Builder of a router from endpoints.
pub struct Routes<S> {
    router: Router<S>,
    access_control: Option<AccessControl>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn protected_by(access_control: AccessControl) -> Self {
        Self {
            router: Router::new(),
            access_control: Some(access_control),
        }
    }

    /// Creates a router without access control: it serves only endpoints that are open to anyone and unlimited.
    pub fn open() -> Self {
        Self {
            router: Router::new(),
            access_control: None,
        }
    }

    /// Serves `endpoint` with `handler`.
    #[must_use]
    pub fn serve<H, T>(mut self, endpoint: Endpoint, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let guard = from_fn_with_state((self.access_control.clone(), endpoint), enforce);
        let guarded = on(endpoint.filter(), handler).route_layer(guard);
        self.router = self.router.route(endpoint.path(), guarded);
        self
    }

    pub fn with_state(self, state: S) -> Router {
        self.router.with_state(state)
    }
}

/// The authenticated caller: an active user with a live session.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user: User,
    pub session: SessionId,
    pub request_id: String,
    /// Fingerprint of the client's address.
    pub client: String,
}

impl Caller {
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }

    /// Returns the actor for the audit trail.
    pub fn actor(&self) -> Actor {
        Actor::user(self.user.id, self.request_id.clone()).from_client(self.client.clone())
    }
}

/// The actor of a request that needs no access token.
#[derive(Debug, Clone)]
pub struct Anonymous(pub Actor);

/// The user that the path names; `None` when access control did not load it.
#[derive(Debug, Clone)]
pub struct AboutUser(pub Option<User>);

/// Access control's decision for the log line, passed on with the response.
#[derive(Clone, Copy)]
pub(crate) struct Decision {
    pub(crate) caller: Option<UserId>,
    /// True when Redis did not reply, so that nothing was counted.
    pub(crate) limit_is_open: bool,
}

async fn enforce(
    State((access_control, endpoint)): State<(Option<AccessControl>, Endpoint)>,
    request: Request,
    next: Next,
) -> Response {
    match access_control {
        Some(access_control) => access_control.admit(endpoint, request, next).await,
        None if endpoint.access() == Access::Anyone && endpoint.limit() == Limit::Unlimited => {
            next.run(request).await
        }
        None => Problem::internal("this endpoint requires access control").into_response(),
    }
}

/// The actor of a request from `address`, before authentication.
fn anonymous(address: &ClientAddress, request: &Request) -> Actor {
    let context = request.extensions().get::<RequestContext>();
    let request_id = context.map(|context| context.request_id.as_str());
    Actor::anonymous(request_id.unwrap_or_default()).from_client(address.fingerprint())
}

impl AccessControl {
    async fn admit(&self, endpoint: Endpoint, mut request: Request, next: Next) -> Response {
        let network = self.0.hops.client_network(request.headers());
        let address = ClientAddress::new(&self.0.addresses, network);
        let actor = anonymous(&address, &request);
        request.extensions_mut().insert(Anonymous(actor));
        let token = match endpoint.access() {
            Access::Anyone => Bearer::Absent,
            _ => Bearer::read(request.headers(), &self.0.tokens),
        };
        let about = path_user(&mut request).await;
        let claims = token.claims();
        let auth_request = AuthRequest {
            caller: claims.map(|claims| (claims.user, claims.session)),
            about: about.filter(|about| {
                endpoint.prefetches().contains(&Prefetch::User)
                    && claims.is_some_and(|claims| claims.user != *about)
            }),
            rate: (endpoint.limit() == Limit::General).then(|| {
                let address = format!("address:{}", address.fingerprint());
                let user = claims.map(|claims| format!("user:{}", claims.user));
                RateKeys {
                    caller: user.unwrap_or_else(|| address.clone()),
                    address,
                }
            }),
        };
        let mut authenticated = match self.0.authenticator.authenticate(&auth_request).await {
            Ok(authenticated) => authenticated,
            Err(error) => return Problem::from(error).into_response(),
        };
        let limit = limits::Headers::new(self.0.authenticator.limit(), &authenticated);
        let decision = Decision {
            caller: authenticated.caller.as_ref().map(|user| user.id),
            limit_is_open: authenticated.limit_is_open,
        };
        let mut response = match limits::refusal(&authenticated) {
            Some(refusal) => refusal.into_response(),
            None => {
                let allowed = allow(endpoint, &token, &mut authenticated, about, &mut request);
                match allowed {
                    Ok(()) => {
                        request.extensions_mut().insert(address);
                        next.run(request).await
                    }
                    Err(refusal) => refusal.into_response(),
                }
            }
        };
        limit.set(response.headers_mut());
        response.extensions_mut().insert(decision);
        response
    }
}

/// Checks the caller against the endpoint's row, and passes the caller on to the handler.
fn allow(
    endpoint: Endpoint,
    token: &Bearer,
    authenticated: &mut Authenticated,
    about: Option<UserId>,
    request: &mut Request,
) -> Result<(), Problem> {
    if endpoint.access() == Access::Anyone {
        return Ok(());
    }
    let user = authenticated.caller.take();
    let (Some(user), Some(claims)) = (user, token.claims()) else {
        return Err(token.refusal());
    };
    let is_admin = user.role == Role::Admin;
    match endpoint.access() {
        Access::Anyone | Access::SignedIn => {}
        Access::Admin if is_admin => {}
        Access::Admin => return Err(Problem::forbidden()),
        Access::SelfOrAdmin if is_admin || about == Some(user.id) => {}
        Access::SelfOrAdmin => return Err(Problem::not_found()),
    }
    let seen = match about {
        Some(about) if about == user.id => Some(user.clone()),
        _ => authenticated.about.take(),
    };
    let Some(Anonymous(actor)) = request.extensions().get().cloned() else {
        return Err(Problem::internal(
            "access control did not identify the client",
        ));
    };
    let caller = Caller {
        user,
        session: claims.session,
        request_id: actor.request_id,
        client: actor.client.unwrap_or_default(),
    };
    request.extensions_mut().insert(AboutUser(seen));
    request.extensions_mut().insert(caller);
    Ok(())
}

/// The user id in the path's `{id}`; `None` when it is absent or invalid.
async fn path_user(request: &mut Request) -> Option<UserId> {
    let params = request.extract_parts::<RawPathParams>().await.ok()?;
    let (_, id) = params.iter().find(|(name, _)| *name == "id")?;
    parse_uuid(id).ok().map(UserId)
}

/// Extracts a value that access control or the app inserted into the request; a missing one is a server error.
macro_rules! from_access_control {
    ($($type:ty),*) => {$(
        impl<S: Send + Sync> FromRequestParts<S> for $type {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                let found = parts.extensions.get::<Self>().cloned();
                found.ok_or_else(|| Problem::internal("access control did not run"))
            }
        }
    )*};
}

from_access_control!(Caller, Anonymous, AboutUser, RequestContext);

/// The address of a client, which need not be signed in.
#[derive(Debug, Clone)]
pub struct Client(pub ClientAddress);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<ClientAddress>().cloned();
        found
            .map(Self)
            .ok_or_else(|| Problem::internal("access control did not run"))
    }
}
