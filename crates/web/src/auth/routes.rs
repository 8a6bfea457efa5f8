//! Router and documentation of an endpoint group, from one list.

/// Defines the function `router` and the type `Documentation` of a group from the list of its endpoints and
/// handlers, so that no handler is served without documentation, except those that are marked. The module has
/// `list_users` and the like in scope, and the crate depends on `utoipa`.
///
/// ```ignore
/// web::routes! {
///     UsersState:
///     ListUsers => list_users,
///     GetMe => me::get,
///     [undocumented] ForwardAuth => verify,
/// }
/// ```
#[macro_export]
macro_rules! routes {
    (
        $state:ty: $($endpoint:ident => $handler:ident $(:: $inner:ident)*,)*
        $([undocumented] $hidden:ident => $hidden_handler:ident,)*
    ) => {
        /// OpenAPI documentation of the endpoints.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($handler $(:: $inner)*),*))]
        pub struct Documentation;

        /// Creates the router of the endpoints.
        pub fn router(
            access_control: $crate::auth::access_control::AccessControl,
            state: $state,
        ) -> axum::Router {
            use $crate::auth::endpoints::Endpoint;

            $crate::auth::access_control::Routes::protected_by(access_control)
                $(.serve(Endpoint::$endpoint, $handler $(:: $inner)*))*
                $(.serve(Endpoint::$hidden, $hidden_handler))*
                .with_state(std::sync::Arc::new(state))
        }
    };
}
