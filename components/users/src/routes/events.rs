//! `GET /api/v1/events`: the change feed.

use std::sync::Arc;

use accounts::Scope;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use web::Problem;
use web::auth::access_control::AnyCaller;
use web::auth::endpoints::Endpoint;
use web::extract::query::Query;
use web::response::{self, Waited};

use super::UsersState;
use crate::wire::events::{FeedView, ReadEvents};

/// Read the change feed
///
/// Returns the events of the audit trail after a position, oldest first, for programs that keep a copy of users in step.
/// No event is missing, whatever commits concurrently, and a page may be requested again. To begin, request the present
/// position without `after`, copy all users, and continue from that position. An empty page before the end is possible
/// with `action`; continue with its `next`.
#[utoipa::path(
    get, path = Endpoint::ReadEvents.path(), tag = "audit",
    params(ReadEvents),
    responses((status = 200, description = "A page of events", body = FeedView)),
)]
pub(super) async fn read(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    Query(sent): Query<ReadEvents>,
) -> Result<Response, Problem> {
    let query = sent.parse()?;
    let scope = query.include_user.then_some(Scope::UsersRead);
    if let Some(scope) = scope {
        caller.require_scope(scope)?;
    }
    let page = state.feed.read(&query).await?;
    let waited = page.waited.then_some(Waited { scope });
    let view = FeedView::new(page, query.include_user);
    let mut response = response::secret_json(StatusCode::OK, &view)?;
    if let Some(waited) = waited {
        response.extensions_mut().insert(waited);
    }
    Ok(response)
}
