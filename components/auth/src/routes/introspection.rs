//! `POST /api/v1/auth/introspect`: the state of a token, for services that receive it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use web::Problem;
use web::auth::endpoints::Endpoint;
use web::extract::body::Form;
use web::response;

use super::AuthState;
use crate::wire::introspection::{Introspect, Introspection};

/// Introspect a token
///
/// Returns the state of an access token or API key that a service received (RFC 7662). Unlike a check of the signature,
/// it detects ended sessions, deleted keys, and users and accounts that are not active. Not rate limited.
#[utoipa::path(
    post, path = Endpoint::Introspect.path(), tag = "auth",
    request_body(content = Introspect, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The state of the token", body = Introspection)),
)]
pub(super) async fn introspect(
    State(state): State<Arc<AuthState>>,
    Form(form): Form<Introspect>,
) -> Result<Response, Problem> {
    let inspected = state.access_control.inspect(&form.token).await?;
    let introspection = Introspection::new(inspected, state.verifier.issuer(), &state.attributes);
    response::secret_json(StatusCode::OK, &introspection)
}
