//! Table of every endpoint of the API, with its access rule and its limit. Routers are built from it, and the
//! authorization tests iterate over it.
//!
//! A router accepts handlers by [`Endpoint`] only ([`crate::auth::access_control::Routes`]), and a row without an
//! access rule does not compile.

use accounts::Scope;
use axum::handler::Handler;
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};

/// Defines [`Endpoint`] from one row per endpoint: name, method (`ANY` for every method), path, access rule, the `scope` of service accounts that
/// may call it, and `prefetches User` if access control reads the path's user together with the caller, in one round trip
/// to Redis.
macro_rules! endpoints {
    ($($name:ident: $method:ident $path:literal $access:ident $(scope $scope:ident)?
        $(prefetches $prefetched:ident)?;)*) => {
        /// One method of one path, or all methods of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Endpoint {
            $($name,)*
        }

        impl Endpoint {
            /// Every endpoint, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        method: stringify!($method),
                        path: $path,
                        access: Access::$access,
                        scopes: &[$(Scope::$scope)?],
                        prefetches: &[$(Prefetch::$prefetched)?],
                    },)*
                }
            }
        }
    };
}

/// Row of the table.
struct Row {
    method: &'static str,
    path: &'static str,
    access: Access,
    /// At most one.
    scopes: &'static [Scope],
    prefetches: &'static [Prefetch],
}

endpoints! {
    ListUsers: GET "/api/v1/users" Admin scope UsersRead;
    CreateUser: POST "/api/v1/users" Admin scope UsersWrite;
    ImportUsers: POST "/api/v1/users/import" Admin scope Import;
    ExportUsers: GET "/api/v1/users/export" Admin scope UsersRead;
    GetUser: GET "/api/v1/users/{id}" SelfOrAdmin scope UsersRead prefetches User;
    UpdateUser: PATCH "/api/v1/users/{id}" SelfOrAdmin scope UsersWrite;
    DeleteUser: DELETE "/api/v1/users/{id}" Admin scope UsersWrite;
    EndUserSessions: DELETE "/api/v1/users/{id}/sessions" Admin scope SessionsRevoke;
    CreateResetToken: POST "/api/v1/users/{id}/reset-token" Admin;
    GetMe: GET "/api/v1/users/me" SignedIn;
    UpdateMe: PATCH "/api/v1/users/me" SignedIn;
    ExportMe: GET "/api/v1/users/me/export" SignedIn;
    DeleteMe: DELETE "/api/v1/users/me" SignedIn;
    ChangePassword: PUT "/api/v1/users/me/password" SignedIn;
    ListAudit: GET "/api/v1/audit" Admin scope AuditRead;
    ReadEvents: GET "/api/v1/events" Admin scope AuditRead;
    ListServiceAccounts: GET "/api/v1/service-accounts" Admin;
    CreateServiceAccount: POST "/api/v1/service-accounts" Admin;
    GetServiceAccount: GET "/api/v1/service-accounts/{id}" Admin;
    UpdateServiceAccount: PATCH "/api/v1/service-accounts/{id}" Admin;
    DeleteServiceAccount: DELETE "/api/v1/service-accounts/{id}" Admin;
    CreateApiKey: POST "/api/v1/service-accounts/{id}/keys" Admin;
    DeleteApiKey: DELETE "/api/v1/service-accounts/{id}/keys/{key_id}" Admin;
    Register: POST "/api/v1/auth/register" Anyone;
    Login: POST "/api/v1/auth/login" Anyone;
    TokenForm: POST "/api/v1/auth/token" Anyone;
    Refresh: POST "/api/v1/auth/refresh" Anyone;
    Logout: POST "/api/v1/auth/logout" SignedIn;
    LogoutAll: POST "/api/v1/auth/logout-all" SignedIn;
    ListSessions: GET "/api/v1/auth/sessions" SignedIn;
    EndSession: DELETE "/api/v1/auth/sessions/{id}" SignedIn;
    Verify: GET "/api/v1/auth/verify" SignedIn;
    ForwardAuth: ANY "/api/v1/auth/forward" SignedIn;
    Introspect: POST "/api/v1/auth/introspect" Admin scope TokensIntrospect;
    ResetPassword: POST "/api/v1/auth/reset" Anyone;
    Jwks: GET "/.well-known/jwks.json" Anyone;
    ServerMetadata: GET "/.well-known/oauth-authorization-server" Anyone;
    Health: GET "/api/v1/health" Anyone;
    Live: GET "/api/v1/health/live" Anyone;
    Ready: GET "/api/v1/health/ready" Anyone;
    Metrics: GET "/metrics" Anyone;
    Docs: GET "/api/docs" Anyone;
    Redoc: GET "/api/redoc" Anyone;
    OpenApi: GET "/api/openapi.json" Anyone;
    DocsAsset: GET "/api/docs/assets/{file}" Anyone;
}

/// Callers that an endpoint allows. A resource hidden from the caller is 404; a forbidden operation is 403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No token is required.
    Anyone,
    /// Any caller with a valid access token; the endpoint concerns the caller's own data.
    SignedIn,
    /// The user of the path's `{id}`, and admins; other callers get 404.
    SelfOrAdmin,
    Admin,
}

/// Resource of the path that access control reads for the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefetch {
    /// The user of the path's `{id}`.
    User,
}

/// Limit that a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The general limit: per user when signed in, else per client address.
    General,
    /// Probes, scrapes, the checks that a proxy or a service makes for each of its own requests, transfers of all users or
    /// events by admins and service accounts, and the documentation, whose component has no store to count in. API keys
    /// that are not known to be valid count against their address.
    Unlimited,
}

impl Endpoint {
    /// The method, or `ANY`.
    pub const fn method(self) -> &'static str {
        self.row().method
    }

    /// The path, with parameters as `{name}`.
    pub const fn path(self) -> &'static str {
        self.row().path
    }

    pub const fn access(self) -> Access {
        self.row().access
    }

    /// Scope with which a service account may call the endpoint; `None` if only users may.
    pub const fn scope(self) -> Option<Scope> {
        match self.row().scopes {
            [scope] => Some(*scope),
            _ => None,
        }
    }

    /// Resources that access control reads before the handler runs.
    pub const fn prefetches(self) -> &'static [Prefetch] {
        self.row().prefetches
    }

    pub const fn limit(self) -> Limit {
        match self {
            Self::Health | Self::Live | Self::Ready | Self::Metrics => Limit::Unlimited,
            Self::Docs | Self::Redoc | Self::OpenApi | Self::DocsAsset => Limit::Unlimited,
            Self::Verify | Self::ForwardAuth | Self::Introspect => Limit::Unlimited,
            Self::ImportUsers | Self::ExportUsers | Self::ReadEvents => Limit::Unlimited,
            _ => Limit::General,
        }
    }

    /// Returns true if the API's document describes the endpoint: all but those that show the document, and the one with
    /// every method, for which it has no form.
    pub const fn is_documented(self) -> bool {
        !matches!(
            self,
            Self::ForwardAuth | Self::Docs | Self::Redoc | Self::OpenApi | Self::DocsAsset
        )
    }

    /// Returns a router of the method with its handler.
    pub(crate) fn method_router<H, T, S>(self, handler: H) -> MethodRouter<S>
    where
        H: Handler<T, S>,
        T: 'static,
        S: Clone + Send + Sync + 'static,
    {
        match self.method() {
            "ANY" => any(handler),
            "POST" => post(handler),
            "PUT" => put(handler),
            "PATCH" => patch(handler),
            "DELETE" => delete(handler),
            _ => get(handler),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_endpoint_is_listed_once() {
        let rows: HashSet<_> = Endpoint::ALL
            .iter()
            .map(|e| (e.method(), e.path()))
            .collect();
        assert_eq!(rows.len(), Endpoint::ALL.len());
    }

    #[test]
    fn only_listed_endpoints_are_public() {
        let open: Vec<_> = Endpoint::ALL
            .iter()
            .filter(|e| e.access() == Access::Anyone)
            .map(|e| e.path())
            .filter(|path| !path.starts_with("/api/v1/health"))
            .collect();
        assert_eq!(
            open,
            [
                "/api/v1/auth/register",
                "/api/v1/auth/login",
                "/api/v1/auth/token",
                "/api/v1/auth/refresh",
                "/api/v1/auth/reset",
                "/.well-known/jwks.json",
                "/.well-known/oauth-authorization-server",
                "/metrics",
                "/api/docs",
                "/api/redoc",
                "/api/openapi.json",
                "/api/docs/assets/{file}"
            ]
        );
    }
}
