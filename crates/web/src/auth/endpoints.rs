//! Table of every endpoint of the API, with its access rule and its limit. Routers are built from it, and the
//! authorization tests iterate over it.
//!
//! A router accepts handlers by [`Endpoint`] only ([`crate::auth::access_control::Routes`]), and a row without an
//! access rule does not compile.

use axum::routing::MethodFilter;

/// Defines [`Endpoint`] from one row per endpoint: name, method, path, access rule, and `prefetches User` if access
/// control reads the path's user together with the caller, in one round trip to Redis.
macro_rules! endpoints {
    ($($name:ident: $method:ident $path:literal $access:ident $(prefetches $prefetched:ident)?;)*) => {
        /// One method of one path.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Endpoint {
            $($name,)*
        }

        impl Endpoint {
            /// Every endpoint, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Method, path template, access rule and prefetched resources.
            const fn row(self) -> (&'static str, &'static str, Access, &'static [Prefetch]) {
                match self {
                    $(Self::$name => (
                        stringify!($method), $path, Access::$access, &[$(Prefetch::$prefetched)?]
                    ),)*
                }
            }
        }
    };
}

endpoints! {
    ListUsers: GET "/api/v1/users" Admin;
    CreateUser: POST "/api/v1/users" Admin;
    ImportUsers: POST "/api/v1/users/import" Admin;
    ExportUsers: GET "/api/v1/users/export" Admin;
    GetUser: GET "/api/v1/users/{id}" SelfOrAdmin prefetches User;
    UpdateUser: PATCH "/api/v1/users/{id}" SelfOrAdmin;
    DeleteUser: DELETE "/api/v1/users/{id}" Admin;
    EndUserSessions: DELETE "/api/v1/users/{id}/sessions" Admin;
    CreateResetToken: POST "/api/v1/users/{id}/reset-token" Admin;
    GetMe: GET "/api/v1/users/me" SignedIn;
    UpdateMe: PATCH "/api/v1/users/me" SignedIn;
    ExportMe: GET "/api/v1/users/me/export" SignedIn;
    DeleteMe: DELETE "/api/v1/users/me" SignedIn;
    ChangePassword: PUT "/api/v1/users/me/password" SignedIn;
    ListAudit: GET "/api/v1/audit" Admin;
    Register: POST "/api/v1/auth/register" Anyone;
    Login: POST "/api/v1/auth/login" Anyone;
    TokenForm: POST "/api/v1/auth/token" Anyone;
    Refresh: POST "/api/v1/auth/refresh" Anyone;
    Logout: POST "/api/v1/auth/logout" SignedIn;
    LogoutAll: POST "/api/v1/auth/logout-all" SignedIn;
    ListSessions: GET "/api/v1/auth/sessions" SignedIn;
    EndSession: DELETE "/api/v1/auth/sessions/{id}" SignedIn;
    Verify: GET "/api/v1/auth/verify" SignedIn;
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
    /// Probes, scrapes, the check that a proxy makes for each of its requests, and the documentation, whose
    /// component has no store to count in.
    Unlimited,
}

impl Endpoint {
    pub const fn method(self) -> &'static str {
        self.row().0
    }

    /// The path, with parameters as `{name}`.
    pub const fn path(self) -> &'static str {
        self.row().1
    }

    pub const fn access(self) -> Access {
        self.row().2
    }

    /// Resources that access control reads before the handler runs.
    pub const fn prefetches(self) -> &'static [Prefetch] {
        self.row().3
    }

    pub const fn limit(self) -> Limit {
        match self {
            Self::Health | Self::Live | Self::Ready | Self::Metrics => Limit::Unlimited,
            Self::Docs | Self::Redoc | Self::OpenApi | Self::DocsAsset => Limit::Unlimited,
            Self::Verify => Limit::Unlimited,
            _ => Limit::General,
        }
    }

    /// Returns true if the API's document describes the endpoint: all but those that show the document.
    pub const fn is_documented(self) -> bool {
        !matches!(
            self,
            Self::Docs | Self::Redoc | Self::OpenApi | Self::DocsAsset
        )
    }

    pub(crate) fn filter(self) -> MethodFilter {
        match self.method() {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
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
