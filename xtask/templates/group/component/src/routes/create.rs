//! `POST /api/v1/__names__`.

use std::sync::Arc;

use accounts::Error;
use accounts::error::FieldErrors;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use web::Problem;
use web::auth::access_control::Caller;
use web::auth::endpoints::Endpoint;
use web::extract::body::Json;
use web::extract::idempotency_key;
use web::openapi::IdempotencyKeyHeader;
use web::response;

use super::__Names__State;
use crate::__name__::{__Name__, __Name__Name, New__Name__};

/// Body of `POST /api/v1/__names__`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Create__Name__ {
    #[schema(value_type = __Name__Name)]
    name: String,
}

impl Create__Name__ {
    /// Parses the values and reports all errors at once.
    fn parse(&self) -> Result<New__Name__, Error> {
        let mut errors = FieldErrors::default();
        let name = errors.check("name", __Name__Name::parse(&self.name));
        errors.finish(name.map(|name| New__Name__ { name }))
    }
}

/// Create __name__
///
/// With an `Idempotency-Key`, the request can be repeated safely if its response was lost.
#[utoipa::path(
    post, path = Endpoint::Create__Name__.path(), tag = "__names__",
    params(IdempotencyKeyHeader),
    request_body = Create__Name__,
    responses((status = 201, description = "The new __name__", body = __Name__)),
)]
pub(super) async fn create___name__(
    State(state): State<Arc<__Names__State>>,
    caller: Caller,
    headers: HeaderMap,
    Json(sent): Json<Create__Name__>,
) -> Result<Response, Problem> {
    let id = caller.user.id.to_string();
    let request = idempotency_key::request(&headers, &id, "POST /api/v1/__names__")?;
    let (new, actor) = (sent.parse()?, caller.actor());
    let created = state.__names__.create(&new, request.as_ref(), &actor).await?;
    response::json(StatusCode::CREATED, &created)
}
