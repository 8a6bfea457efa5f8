//! `/api/v1/audit`: the audit trail, with the same list rules as users.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::Uri;
use web::Problem;
use web::auth::endpoints::Endpoint;
use web::extract::query::Query;
use web::response::list;

use super::UsersState;
use crate::wire::audit::{EventList, EventView, ListAudit};

/// List the audit trail
///
/// Returns a page of security events, newest first by default: sign-ins, failures, and changes of passwords,
/// roles and accounts.
#[utoipa::path(
    get, path = Endpoint::ListAudit.path(), tag = "audit",
    params(ListAudit),
    responses((
        status = 200, description = "A page of events", body = EventList,
        headers(("Link"))
    )),
)]
pub(super) async fn list(
    State(state): State<Arc<UsersState>>,
    uri: Uri,
    Query(sent): Query<ListAudit>,
) -> Result<Response, Problem> {
    let mut query = sent.parse()?;
    let context = query.context();
    query.window.after = list::position(&state.cursors, sent.cursor.as_deref(), &context)?;
    let page = state.audit.list(&query).await?;
    list::page::<_, EventView>(&state.cursors, &context, &uri, page)
}
