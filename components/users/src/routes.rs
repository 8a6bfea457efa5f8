//! The endpoints of the users resource: extract, call the use case, convert.

mod audit;
mod me;

use accounts::users::list::{ListParameters, ListQuery};
use accounts::{Audit, Passwords, Sessions, UserId, Users};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use web::answer::{self, UserView};
use web::body::{Json, MergePatch};
use web::conditional::{ETag, IfMatch, IfNoneMatch};
use web::cursor::CursorKey;
use web::endpoints::Endpoint;
use web::gate::{AboutUser, Caller, Gate, Routes};
use web::query::Query;
use web::{Problem, idempotency, list};

use crate::wire::{CreateUser, ListUsers, PatchUser, ResetTokenView};

/// What the endpoints work with.
#[derive(Clone)]
pub struct UsersState {
    pub users: Users,
    pub passwords: Passwords,
    pub sessions: Sessions,
    pub audit: Audit,
    pub cursors: CursorKey,
    /// Refuse changes that do not say which version they are based on.
    pub require_if_match: bool,
}

pub fn router(gate: Gate, state: UsersState) -> Router {
    Routes::behind(gate)
        .serve(Endpoint::ListUsers, list_users)
        .serve(Endpoint::CreateUser, create_user)
        .serve(Endpoint::GetUser, get_user)
        .serve(Endpoint::UpdateUser, update_user)
        .serve(Endpoint::DeleteUser, delete_user)
        .serve(Endpoint::EndUserSessions, end_sessions)
        .serve(Endpoint::CreateResetToken, create_reset_token)
        .serve(Endpoint::GetMe, me::get)
        .serve(Endpoint::UpdateMe, me::update)
        .serve(Endpoint::DeleteMe, me::delete)
        .serve(Endpoint::ChangePassword, me::change_password)
        .serve(Endpoint::ListAudit, audit::list)
        .with_state(state)
}

async fn list_users(
    State(state): State<UsersState>,
    uri: Uri,
    Query(query): Query<ListUsers>,
) -> Result<Response, Problem> {
    let cursor = query.cursor.clone();
    let mut query = ListQuery::parse(&ListParameters::from(query))?;
    let context = query.context();
    query.after = list::position(&state.cursors, cursor.as_deref(), &context)?;
    let page = state.users.list_users(&query).await?;
    list::page::<_, UserView>(&state.cursors, &context, &uri, page)
}

async fn create_user(
    State(state): State<UsersState>,
    caller: Caller,
    headers: HeaderMap,
    Json { value, bytes }: Json<CreateUser>,
) -> Result<Response, Problem> {
    let id = caller.user.id.to_string();
    let request = idempotency::request(&headers, &id, "POST /api/v1/users", &bytes)?;
    let actor = caller.actor();
    let user = state
        .users
        .create_user(value.parse()?, request, &actor)
        .await?;
    answer::created_user(user)
}

async fn get_user(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    AboutUser(seen): AboutUser,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let user = match seen {
        Some(user) => user,
        None => state.users.get_user(user_id(&id)?).await?,
    };
    let tag = ETag(user.version);
    if if_none_match.has(tag) {
        return Ok(answer::not_modified(tag));
    }
    answer::user(StatusCode::OK, user)
}

async fn update_user(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    caller: Caller,
    if_match: IfMatch,
    MergePatch(patch): MergePatch<PatchUser>,
) -> Result<Response, Problem> {
    let expected = if_match.require(state.require_if_match)?.versions();
    if !caller.is_admin() && patch.is_for_admins() {
        return Err(Problem::forbidden());
    }
    let user = state
        .users
        .update_user(user_id(&id)?, &patch.parse()?, expected, &caller.actor())
        .await?;
    answer::user(StatusCode::OK, user)
}

async fn delete_user(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    caller: Caller,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let expected = if_match.require(state.require_if_match)?.versions();
    let id = user_id(&id)?;
    state
        .users
        .delete_user(id, expected, &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_sessions(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let id = user_id(&id)?;
    state.sessions.end_all(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn create_reset_token(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Problem> {
    let id = user_id(&id)?;
    let token = state
        .passwords
        .create_reset_token(id, &caller.actor())
        .await?;
    answer::secret_json(StatusCode::CREATED, &ResetTokenView::from(token))
}

/// What is no UUID names no user.
fn user_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).ok_or_else(Problem::not_found)
}

#[cfg(test)]
mod tests;
