//! `/api/v1/users/me`: the caller's own account.

use std::sync::Arc;

use accounts::password::{PasswordHash, SubmittedPassword};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use web::Problem;
use web::auth::access_control::{Caller, Client};
use web::auth::endpoints::Endpoint;
use web::extract::body::{Json, MergePatch};
use web::extract::conditional::{IfMatch, IfNoneMatch, Precondition};
use web::response;
use web::response::UserView;
use web::response::entity_tag::ETag;

use super::UsersState;
use crate::wire::own_data::OwnDataView;
use crate::wire::{ChangePassword, DeleteMe, PatchMe};

/// Get yourself
///
/// Returns the user of the access token.
#[utoipa::path(
    get, path = Endpoint::GetMe.path(), tag = "me",
    params(IfNoneMatch),
    responses(
        (status = 200, description = "The caller", body = UserView, headers(("ETag"))),
        (status = 304, description = "The client's copy is current", headers(("ETag")))
    ),
)]
pub(super) async fn get(
    State(state): State<Arc<UsersState>>,
    caller: Caller,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let tag = ETag(caller.user.version);
    if_match.expect(tag)?;
    if if_none_match.has(tag) {
        return Ok(response::not_modified(tag));
    }
    let user = state.attributes.visible_to(caller.user.role, caller.user);
    response::user(StatusCode::OK, user)
}

/// Export your data
///
/// Returns the data that is stored about the caller: the user, the live sessions, and the events of the audit trail
/// that the caller caused or was affected by. Ids and addresses of other users are left out.
#[utoipa::path(
    get, path = Endpoint::ExportMe.path(), tag = "me",
    responses((status = 200, description = "The caller's data", body = OwnDataView)),
)]
pub(super) async fn export(
    State(state): State<Arc<UsersState>>,
    caller: Caller,
) -> Result<Response, Problem> {
    let data = state.users.own_data(caller.user.id).await?;
    let user = state.attributes.visible_to(caller.user.role, caller.user);
    let view = OwnDataView::new(user, data, caller.session);
    response::secret_json(StatusCode::OK, &view)
}

/// Update yourself
///
/// A new `email` requires the `current_password`.
#[utoipa::path(
    patch, path = Endpoint::UpdateMe.path(), tag = "me",
    params(IfMatch, IfNoneMatch),
    request_body(
        description = "A JSON merge patch (RFC 7396). Omitted members remain unchanged.",
        content((PatchMe = "application/merge-patch+json"), (PatchMe = "application/json"))
    ),
    responses((status = 200, description = "The updated caller", body = UserView, headers(("ETag")))),
)]
pub(super) async fn update(
    State(state): State<Arc<UsersState>>,
    caller: Caller,
    client: Client,
    precondition: Precondition,
    MergePatch(patch): MergePatch<PatchMe>,
) -> Result<Response, Problem> {
    let expected = precondition.expected(state.require_if_match)?;
    let role = caller.user.role;
    let (patch, submitted) = patch.parse(role, &state.attributes)?;
    let confirmed = match patch.email {
        Some(_) => Some(confirm(&state, &caller, &client, &submitted).await?),
        None => None,
    };
    let (id, actor) = (caller.user.id, caller.actor());
    let updated = state
        .users
        .update_confirmed(id, &patch, expected, confirmed.as_ref(), &actor);
    let user = state.attributes.visible_to(role, updated.await?);
    response::user(StatusCode::OK, user)
}

/// Delete yourself
///
/// Permanently deletes the account and all its sessions.
#[utoipa::path(
    delete, path = Endpoint::DeleteMe.path(), tag = "me",
    params(IfMatch, IfNoneMatch),
    request_body = DeleteMe,
    responses((status = 204, description = "The account has been deleted")),
)]
pub(super) async fn delete(
    State(state): State<Arc<UsersState>>,
    caller: Caller,
    client: Client,
    precondition: Precondition,
    Json(value): Json<DeleteMe>,
) -> Result<StatusCode, Problem> {
    let expected = precondition.expected(state.require_if_match)?;
    let confirmed = confirm(&state, &caller, &client, &value.parse()?).await?;
    let (id, actor) = (caller.user.id, caller.actor());
    state
        .users
        .delete_confirmed(id, expected, Some(&confirmed), &actor)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change your password
///
/// Ends all other sessions.
#[utoipa::path(
    put, path = Endpoint::ChangePassword.path(), tag = "me",
    request_body = ChangePassword,
    responses((status = 204, description = "The password has been changed")),
)]
pub(super) async fn change_password(
    State(state): State<Arc<UsersState>>,
    caller: Caller,
    Client(address): Client,
    Json(value): Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let (old, new) = value.parse()?;
    let (kept, actor) = (caller.session, caller.actor());
    state
        .passwords
        .change(&caller.user, kept, &old, &new, &address, &actor)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Verifies the caller's password: an open session alone is not sufficient.
pub(super) async fn confirm(
    state: &UsersState,
    caller: &Caller,
    Client(address): &Client,
    submitted: &SubmittedPassword,
) -> Result<PasswordHash, Problem> {
    let (id, actor) = (caller.user.id, caller.actor());
    let confirmed = state
        .passwords
        .confirm(id, submitted, "current_password", address, &actor);
    confirmed.await.map_err(Problem::from)
}
