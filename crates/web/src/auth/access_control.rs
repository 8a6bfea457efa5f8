//! Authentication, authorization and rate limiting for every endpoint.
//!
//! A router consists of [`Endpoint`]s only, each behind [`enforce`]: a request that the endpoint's row in the
//! table does not allow never reaches its handler.

mod bearer;
mod caller;
mod inspection;
mod limits;

use std::sync::Arc;

use accounts::authentication::{AuthRequest, Authenticated, Principal, RateKeys};
use accounts::keys::FingerprintKey;
use accounts::{
    Actor, Authenticator, ClientAddress, Role, Scope, ServiceAccount, ServiceAccountId, User,
    UserId,
};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{RequestExt, Router};
use http::request::Parts;

use crate::Problem;
use crate::auth::access_token::Verifier;
use crate::auth::endpoints::{Access, Endpoint, Limit, Prefetch};
use crate::extract::parameter::parse_uuid;
use crate::middleware::request_id::RequestContext;
use crate::response::Waited;
use bearer::Bearer;
pub use caller::{AnyCaller, Caller, ServiceCaller};
pub use inspection::Inspected;
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
        let guarded = endpoint.method_router(handler.layer(guard));
        self.router = self.router.route(endpoint.path(), guarded);
        self
    }

    pub fn with_state(self, state: S) -> Router {
        self.router.with_state(state)
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
    pub(crate) user: Option<UserId>,
    pub(crate) service_account: Option<ServiceAccountId>,
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
        let credential = token.credential();
        let auth_request = AuthRequest {
            about: about.filter(|about| {
                endpoint.prefetches().contains(&Prefetch::User)
                    && credential.is_some()
                    && token.claims().is_none_or(|claims| claims.user != *about)
            }),
            rate: rate(endpoint, &token, &address),
            credential,
        };
        let mut authenticated = match self.0.authenticator.authenticate(&auth_request).await {
            Ok(authenticated) => authenticated,
            Err(error) => return Problem::from(error).into_response(),
        };
        let general = self.0.authenticator.limit();
        let general = general.filter(|_| endpoint.limit() == Limit::General);
        let limit = limits::Headers::new(general, &authenticated);
        let decision = Decision::new(&authenticated);
        let mut response = match limits::refusal(&authenticated) {
            Some(refusal) => refusal.into_response(),
            None => {
                let allowed = allow(endpoint, &token, &mut authenticated, about, &mut request);
                match allowed {
                    Ok(()) => {
                        request.extensions_mut().insert(address);
                        let response = next.run(request).await;
                        let waited = response.extensions().get().copied();
                        match self.still_allows(endpoint, &token, waited).await {
                            Ok(()) => response,
                            Err(refusal) => refusal.into_response(),
                        }
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

impl AccessControl {
    /// Checks the caller of an endpoint about no user again, if the handler has waited: a response must not contain what
    /// happened after the caller's access had ended.
    async fn still_allows(
        &self,
        endpoint: Endpoint,
        token: &Bearer,
        waited: Option<Waited>,
    ) -> Result<(), Problem> {
        let Some(waited) = waited else {
            return Ok(());
        };
        let auth_request = AuthRequest {
            credential: token.credential(),
            ..AuthRequest::default()
        };
        let authenticated = self.0.authenticator.authenticate(&auth_request).await?;
        match authenticated.caller {
            Some(Principal::User(user)) => allow_user(endpoint, &user, None),
            Some(Principal::Service(account)) => {
                allow_service(endpoint, &account)?;
                waited
                    .scope
                    .map_or(Ok(()), |scope| require_scope(&account, scope))
            }
            None => Err(token.refusal()),
        }
    }
}

impl Decision {
    fn new(authenticated: &Authenticated) -> Self {
        let (user, service_account) = match &authenticated.caller {
            Some(Principal::User(user)) => (Some(user.id), None),
            Some(Principal::Service(account)) => (None, Some(account.id)),
            None => (None, None),
        };
        Self {
            user,
            service_account,
            limit_is_open: authenticated.limit_is_open,
        }
    }
}

/// Buckets that the request may count against; `None` if it is not limited.
fn rate(endpoint: Endpoint, token: &Bearer, address: &ClientAddress) -> Option<RateKeys> {
    let by_address = || format!("address:{}", address.fingerprint());
    let caller = match (endpoint.limit(), token) {
        (Limit::General, Bearer::Token(claims)) => Some(format!("user:{}", claims.user)),
        (Limit::General, Bearer::Key(key)) => Some(format!("service-account:{}", key.account)),
        (Limit::General, Bearer::Absent | Bearer::Refused(_)) => Some(by_address()),
        // A key may be of any account, and costs a statement unless the account is cached.
        (Limit::Unlimited, Bearer::Key(_)) => None,
        (Limit::Unlimited, _) => return None,
    };
    Some(RateKeys {
        caller,
        address: by_address(),
    })
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
    let Some(Anonymous(actor)) = request.extensions().get().cloned() else {
        return Err(Problem::internal(
            "access control did not identify the client",
        ));
    };
    match (authenticated.caller.take(), token.claims()) {
        (Some(Principal::User(user)), Some(claims)) => {
            allow_user(endpoint, &user, about)?;
            let seen = match about {
                Some(about) if about == user.id => Some(user.clone()),
                _ => authenticated.about.take(),
            };
            request.extensions_mut().insert(AboutUser(seen));
            request.extensions_mut().insert(Caller {
                user,
                session: claims.session,
                request_id: actor.request_id,
                client: actor.client.unwrap_or_default(),
            });
        }
        (Some(Principal::Service(account)), _) => {
            allow_service(endpoint, &account)?;
            let client = actor.client.clone().unwrap_or_default();
            let actor = Actor::service_account(account.id, actor.request_id).from_client(client);
            let about = AboutUser(authenticated.about.take());
            request.extensions_mut().insert(about);
            request
                .extensions_mut()
                .insert(ServiceCaller { account, actor });
        }
        _ => return Err(token.refusal()),
    }
    Ok(())
}

/// Checks a user against the endpoint's access rule.
fn allow_user(endpoint: Endpoint, user: &User, about: Option<UserId>) -> Result<(), Problem> {
    let is_admin = user.role == Role::Admin;
    match endpoint.access() {
        Access::Anyone | Access::SignedIn => Ok(()),
        Access::Admin if is_admin => Ok(()),
        Access::Admin => Err(Problem::forbidden()),
        Access::SelfOrAdmin if is_admin || about == Some(user.id) => Ok(()),
        Access::SelfOrAdmin => Err(Problem::not_found()),
    }
}

/// Checks a service account against the scope of the endpoint.
fn allow_service(endpoint: Endpoint, account: &ServiceAccount) -> Result<(), Problem> {
    require_scope(account, endpoint.scope().ok_or_else(Problem::users_only)?)
}

/// Returns 403 unless the account has the scope.
fn require_scope(account: &ServiceAccount, scope: Scope) -> Result<(), Problem> {
    match account.scopes.contains(scope) {
        true => Ok(()),
        false => Err(Problem::insufficient_scope(scope)),
    }
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
