//! Table of every endpoint of the API, with its access rule and its limit. Routers are built from it, and the
//! authorization tests iterate over it.
//!
//! A router accepts handlers by [`Endpoint`] only ([`crate::auth::access_control::Routes`]), and the match in `row` has no
//! wildcard: an endpoint without an access rule does not compile.

use axum::routing::MethodFilter;

/// One method of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    ListUsers,
    CreateUser,
    GetUser,
    UpdateUser,
    DeleteUser,
    EndUserSessions,
    CreateResetToken,
    GetMe,
    UpdateMe,
    DeleteMe,
    ChangePassword,
    ListAudit,
    Register,
    Login,
    TokenForm,
    Refresh,
    Logout,
    LogoutAll,
    ListSessions,
    EndSession,
    ResetPassword,
    Jwks,
    Health,
    Live,
    Ready,
    Metrics,
    Docs,
    Redoc,
    OpenApi,
    DocsAsset,
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

/// Limit that a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The general limit: per user when signed in, else per client address.
    General,
    /// Probes, scrapes and the documentation, whose component has no store to count in.
    Unlimited,
}

impl Endpoint {
    /// Every endpoint, in the order of the documentation.
    pub const ALL: &[Self] = &[
        Self::ListUsers,
        Self::CreateUser,
        Self::GetUser,
        Self::UpdateUser,
        Self::DeleteUser,
        Self::EndUserSessions,
        Self::CreateResetToken,
        Self::GetMe,
        Self::UpdateMe,
        Self::DeleteMe,
        Self::ChangePassword,
        Self::ListAudit,
        Self::Register,
        Self::Login,
        Self::TokenForm,
        Self::Refresh,
        Self::Logout,
        Self::LogoutAll,
        Self::ListSessions,
        Self::EndSession,
        Self::ResetPassword,
        Self::Jwks,
        Self::Health,
        Self::Live,
        Self::Ready,
        Self::Metrics,
        Self::Docs,
        Self::Redoc,
        Self::OpenApi,
        Self::DocsAsset,
    ];

    /// Method, path template and access rule.
    const fn row(self) -> (&'static str, &'static str, Access) {
        use Access::{Admin, Anyone, SelfOrAdmin, SignedIn};
        match self {
            Self::ListUsers => ("GET", "/api/v1/users", Admin),
            Self::CreateUser => ("POST", "/api/v1/users", Admin),
            Self::GetUser => ("GET", "/api/v1/users/{id}", SelfOrAdmin),
            Self::UpdateUser => ("PATCH", "/api/v1/users/{id}", SelfOrAdmin),
            Self::DeleteUser => ("DELETE", "/api/v1/users/{id}", Admin),
            Self::EndUserSessions => ("DELETE", "/api/v1/users/{id}/sessions", Admin),
            Self::CreateResetToken => ("POST", "/api/v1/users/{id}/reset-token", Admin),
            Self::GetMe => ("GET", "/api/v1/users/me", SignedIn),
            Self::UpdateMe => ("PATCH", "/api/v1/users/me", SignedIn),
            Self::DeleteMe => ("DELETE", "/api/v1/users/me", SignedIn),
            Self::ChangePassword => ("PUT", "/api/v1/users/me/password", SignedIn),
            Self::ListAudit => ("GET", "/api/v1/audit", Admin),
            Self::Register => ("POST", "/api/v1/auth/register", Anyone),
            Self::Login => ("POST", "/api/v1/auth/login", Anyone),
            Self::TokenForm => ("POST", "/api/v1/auth/token", Anyone),
            Self::Refresh => ("POST", "/api/v1/auth/refresh", Anyone),
            Self::Logout => ("POST", "/api/v1/auth/logout", SignedIn),
            Self::LogoutAll => ("POST", "/api/v1/auth/logout-all", SignedIn),
            Self::ListSessions => ("GET", "/api/v1/auth/sessions", SignedIn),
            Self::EndSession => ("DELETE", "/api/v1/auth/sessions/{id}", SignedIn),
            Self::ResetPassword => ("POST", "/api/v1/auth/reset", Anyone),
            Self::Jwks => ("GET", "/.well-known/jwks.json", Anyone),
            Self::Health => ("GET", "/api/v1/health", Anyone),
            Self::Live => ("GET", "/api/v1/health/live", Anyone),
            Self::Ready => ("GET", "/api/v1/health/ready", Anyone),
            Self::Metrics => ("GET", "/metrics", Anyone),
            Self::Docs => ("GET", "/api/docs", Anyone),
            Self::Redoc => ("GET", "/api/redoc", Anyone),
            Self::OpenApi => ("GET", "/api/openapi.json", Anyone),
            Self::DocsAsset => ("GET", "/api/docs/assets/{file}", Anyone),
        }
    }

    /// True when access control reads the path's user together with the caller, in one round trip to Redis.
    pub const fn prefetches_user(self) -> bool {
        matches!(self, Self::GetUser)
    }

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

    pub const fn limit(self) -> Limit {
        match self {
            Self::Health | Self::Live | Self::Ready | Self::Metrics => Limit::Unlimited,
            Self::Docs | Self::Redoc | Self::OpenApi | Self::DocsAsset => Limit::Unlimited,
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
        // The last variant is also the last of the list, so that no added variant is left out.
        assert_eq!(Endpoint::DocsAsset as usize + 1, Endpoint::ALL.len());
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
                "/metrics",
                "/api/docs",
                "/api/redoc",
                "/api/openapi.json",
                "/api/docs/assets/{file}"
            ]
        );
    }
}
