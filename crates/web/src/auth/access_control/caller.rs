//! Authenticated callers, as handlers receive them.

use accounts::{Actor, Role, Scope, ServiceAccount, SessionId, User};
use axum::extract::FromRequestParts;
use http::request::Parts;
use uuid::Uuid;

use crate::Problem;

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

/// A service account with the endpoint's scope.
#[derive(Debug, Clone)]
pub struct ServiceCaller {
    pub account: ServiceAccount,
    pub actor: Actor,
}

/// The authenticated caller of an endpoint with a scope: a user, or a service account that has the scope.
#[derive(Debug)]
pub enum AnyCaller {
    User(Caller),
    Service(ServiceCaller),
}

impl AnyCaller {
    pub fn id(&self) -> Uuid {
        match self {
            Self::User(caller) => caller.user.id.0,
            Self::Service(caller) => caller.account.id.0,
        }
    }

    /// Returns the actor for the audit trail.
    pub fn actor(&self) -> Actor {
        match self {
            Self::User(caller) => caller.actor(),
            Self::Service(caller) => caller.actor.clone(),
        }
    }

    /// Returns the user; `None` for a service account.
    pub fn user(&self) -> Option<&Caller> {
        match self {
            Self::User(caller) => Some(caller),
            Self::Service(_) => None,
        }
    }

    /// Returns the role that decides what the caller may change; the scope of a service account stands for an admin's.
    pub fn role(&self) -> Role {
        self.user().map_or(Role::Admin, |caller| caller.user.role)
    }

    /// Returns 403 for a service account without the scope; users need none.
    pub fn require_scope(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::User(_) => Ok(()),
            Self::Service(caller) => super::require_scope(&caller.account, scope),
        }
    }

    /// Returns 403 if a service account is about to give the admin role: it could give itself every right.
    pub fn may_give(&self, role: Option<Role>) -> Result<(), Problem> {
        match (self, role) {
            (Self::Service(_), Some(Role::Admin)) => Err(Problem::users_only()),
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnyCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(Self::User(caller.clone()));
        }
        let service = parts.extensions.get::<ServiceCaller>().cloned();
        service
            .map(Self::Service)
            .ok_or_else(|| Problem::internal("access control did not run"))
    }
}
