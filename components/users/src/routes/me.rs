//! `/api/v1/users/me`: the caller's own account.

use accounts::password::Guess;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use web::body::{Json, MergePatch};
use web::conditional::{ETag, IfMatch, IfNoneMatch};
use web::gate::{Caller, Client};
use web::{Problem, answer};

use super::UsersState;
use crate::wire::{ChangePassword, DeleteMe, PatchMe};

pub(super) async fn get(caller: Caller, if_none_match: IfNoneMatch) -> Result<Response, Problem> {
    let tag = ETag(caller.user.version);
    if if_none_match.has(tag) {
        return Ok(answer::not_modified(tag));
    }
    answer::user(StatusCode::OK, caller.user)
}

pub(super) async fn update(
    State(state): State<UsersState>,
    caller: Caller,
    client: Client,
    if_match: IfMatch,
    MergePatch(patch): MergePatch<PatchMe>,
) -> Result<Response, Problem> {
    let expected = if_match.require(state.require_if_match)?.versions();
    let (patch, guess) = patch.parse()?;
    if patch.email.is_some() {
        confirm(&state, &caller, &client, &guess).await?;
    }
    let (id, actor) = (caller.user.id, caller.actor());
    let user = state.users.update_user(id, &patch, expected, &actor);
    answer::user(StatusCode::OK, user.await?)
}

pub(super) async fn delete(
    State(state): State<UsersState>,
    caller: Caller,
    client: Client,
    if_match: IfMatch,
    Json { value, .. }: Json<DeleteMe>,
) -> Result<StatusCode, Problem> {
    let expected = if_match.require(state.require_if_match)?.versions();
    confirm(&state, &caller, &client, &value.parse()?).await?;
    let (id, actor) = (caller.user.id, caller.actor());
    state.users.delete_user(id, expected, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn change_password(
    State(state): State<UsersState>,
    caller: Caller,
    Client(address): Client,
    Json { value, .. }: Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let (old, new) = value.parse()?;
    let (id, kept, request_id) = (caller.user.id, caller.session, &caller.request_id);
    state
        .passwords
        .change(id, kept, &old, &new, &address, request_id)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller knows the password of the account, and did not just find it signed in.
async fn confirm(
    state: &UsersState,
    caller: &Caller,
    Client(address): &Client,
    guess: &Guess,
) -> Result<(), Problem> {
    let (id, actor) = (caller.user.id, caller.actor());
    let confirmed = state
        .passwords
        .confirm(id, guess, "current_password", address, &actor);
    confirmed.await.map(|_| ()).map_err(Problem::from)
}
