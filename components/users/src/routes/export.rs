//! `GET /api/v1/users/export`: users for another system.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode, Uri};
use web::Problem;
use web::auth::access_control::AnyCaller;
use web::auth::endpoints::Endpoint;
use web::extract::query::Query;
use web::response::list;

use super::UsersState;
use crate::wire::export::{ExportUsers, ExportedUserList, ExportedUserView};

/// Export users
///
/// Returns a page of all users in the order of their ids, each as a line of `POST /api/v1/users/import` accepts it.
/// With `password_hashes`, each page is recorded in the audit trail. To get the next page, send `next` as `cursor`. An
/// export is no snapshot: users who are changed meanwhile have the state at the time of their page.
#[utoipa::path(
    get, path = Endpoint::ExportUsers.path(), tag = "users",
    params(ExportUsers),
    responses((
        status = 200, description = "A page of users", body = ExportedUserList,
        headers(("Link"))
    )),
)]
pub(super) async fn export_users(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    uri: Uri,
    Query(sent): Query<ExportUsers>,
) -> Result<Response, Problem> {
    let mut query = sent.parse()?;
    if query.password_hashes {
        caller.user().ok_or_else(Problem::users_only)?;
        if !state.exports_password_hashes {
            return Err(hashes_disabled());
        }
    }
    let context = query.context();
    if let Some(position) = list::position(&state.cursors, sent.cursor.as_deref(), &context)? {
        query.after = position.id;
    }
    let page = state.users.export_users(&query, &caller.actor()).await?;
    let mut response = list::page::<_, ExportedUserView>(&state.cursors, &context, &uri, page)?;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Returns 403: this deployment does not export password hashes.
pub fn hashes_disabled() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "password_hash_export_disabled",
        "This deployment does not export password hashes: password_hash_export_enabled is false.",
    )
}
