//! Endpoints of the users resource: each extracts the request, calls the use case and converts the result.

mod audit;
mod events;
pub mod export;
mod import;
mod me;

use std::sync::Arc;

use accounts::feed::Feed;
use accounts::password::{PasswordHash, SubmittedPassword};
use accounts::user::attributes::schema::Schema;
use accounts::{Audit, Error, Passwords, Role, Sessions, UserId, Users};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use web::Problem;
use web::auth::access_control::{AboutUser, AnyCaller, Caller, Client};
use web::auth::endpoints::Endpoint;
use web::extract::body::{Json, MergePatch, OptionalJson};
use web::extract::conditional::{IfMatch, IfNoneMatch, Precondition};
use web::extract::idempotency_key;
use web::extract::path::PathId;
use web::extract::query;
use web::openapi::IdempotencyKeyHeader;
use web::response::cursor::CursorKey;
use web::response::entity_tag::ETag;
use web::response::list;
use web::response::{self, UserList, UserView};

use crate::wire::list::{AttributeParameters, ListUsers};
use crate::wire::{Confirmation, CreateUser, PatchUser, ResetTokenView};

/// Shared state of the endpoints.
pub struct UsersState {
    pub users: Users,
    pub passwords: Passwords,
    pub sessions: Sessions,
    pub audit: Audit,
    pub feed: Feed,
    pub cursors: CursorKey,
    /// True when changes require `If-Match`.
    pub require_if_match: bool,
    /// Definitions of attributes.
    pub attributes: Schema,
    /// True when exports may include password hashes.
    pub exports_password_hashes: bool,
}

web::routes! {
    UsersState:
    ListUsers => list_users,
    CreateUser => create_user,
    ImportUsers => import::import_users,
    ExportUsers => export::export_users,
    GetUser => get_user,
    UpdateUser => update_user,
    DeleteUser => delete_user,
    EndUserSessions => end_sessions,
    CreateResetToken => create_reset_token,
    GetMe => me::get,
    UpdateMe => me::update,
    ExportMe => me::export,
    DeleteMe => me::delete,
    ChangePassword => me::change_password,
    ListAudit => audit::list,
    ReadEvents => events::read,
}

/// List users
///
/// Returns a page of the users that match the filters. To get the next page, send `next` as `cursor`.
#[utoipa::path(
    get, path = Endpoint::ListUsers.path(), tag = "users",
    params(ListUsers, AttributeParameters),
    responses(
        (
            status = 200, description = "A page of users", body = UserList,
            headers(("Link"))
        )
    ),
)]
async fn list_users(State(state): State<Arc<UsersState>>, uri: Uri) -> Result<Response, Problem> {
    let sent = uri.query().unwrap_or_default();
    let (sent, attributes) = query::with_prefixed::<ListUsers>(sent, AttributeParameters::PREFIX)?;
    let mut query = sent.parse(&attributes)?;
    let context = query.context();
    query.window.after = list::position(&state.cursors, sent.cursor.as_deref(), &context)?;
    let page = state.users.list_users(&query).await?;
    list::page::<_, UserView>(&state.cursors, &context, &uri, page)
}

/// Create a user
///
/// With an `Idempotency-Key`, the request can be repeated safely if its response was lost.
#[utoipa::path(
    post, path = Endpoint::CreateUser.path(), tag = "users",
    params(IdempotencyKeyHeader),
    request_body = CreateUser,
    responses(
        (
            status = 201, description = "The new user", body = UserView,
            headers(("ETag"), ("Location"))
        )
    ),
)]
async fn create_user(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    headers: HeaderMap,
    Json(value): Json<CreateUser>,
) -> Result<Response, Problem> {
    let id = caller.id().to_string();
    let request = idempotency_key::request(&headers, &id, "POST /api/v1/users")?;
    let (new, actor) = (value.parse(&state.attributes)?, caller.actor());
    caller.may_give(Some(new.role))?;
    let user = state.users.create_user(new, request, &actor).await?;
    response::created_user(user)
}

/// Get a user
///
/// Admins can get every user; other users only themselves.
#[utoipa::path(
    get, path = Endpoint::GetUser.path(), tag = "users",
    params(PathId<UserId>, IfNoneMatch),
    responses(
        (status = 200, description = "The user", body = UserView, headers(("ETag"))),
        (status = 304, description = "The client's copy is current", headers(("ETag")))
    ),
)]
async fn get_user(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    AboutUser(seen): AboutUser,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    PathId(id): PathId<UserId>,
) -> Result<Response, Problem> {
    let user = match seen {
        Some(user) => user,
        None => state.users.get_user(id).await?,
    };
    let tag = ETag(user.version);
    if_match.expect(tag)?;
    if if_none_match.has(tag) {
        return Ok(response::not_modified(tag));
    }
    let user = state.attributes.visible_to(caller.role(), user);
    response::user(StatusCode::OK, user)
}

/// Update a user
///
/// Users can change their own `full_name` and the `attributes` that are theirs. Admins can also change `email`, `role`,
/// `is_active` and all `attributes` of every user. Changing the email or role of another admin requires the caller's
/// `current_password`; callers change their own email at `/users/me`. An empty patch returns the user unchanged.
#[utoipa::path(
    patch, path = Endpoint::UpdateUser.path(), tag = "users",
    params(PathId<UserId>, IfMatch, IfNoneMatch),
    request_body(
        description = "A JSON merge patch (RFC 7396). Omitted members remain unchanged.",
        content((PatchUser = "application/merge-patch+json"), (PatchUser = "application/json"))
    ),
    responses((status = 200, description = "The updated user", body = UserView, headers(("ETag")))),
)]
async fn update_user(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    client: Client,
    precondition: Precondition,
    PathId(id): PathId<UserId>,
    MergePatch(patch): MergePatch<PatchUser>,
) -> Result<Response, Problem> {
    let expected = precondition.expected(state.require_if_match)?;
    if caller.role() == Role::Admin && patch.has_email() {
        require_other(id, &caller)?;
    }
    let (patch, submitted) = patch.parse(caller.role(), &state.attributes)?;
    caller.may_give(patch.role)?;
    let confirmed = state.confirm_if_given(&caller, &client, submitted).await?;
    let (confirmed, actor) = (confirmed.as_ref(), caller.actor());
    let updated = state
        .users
        .update_confirmed(id, &patch, expected, confirmed, &actor);
    let user = state.attributes.visible_to(caller.role(), updated.await?);
    response::user(StatusCode::OK, user)
}

/// Delete a user
///
/// Ends the user's sessions at once. Deleting another admin requires the caller's `current_password`; callers
/// delete themselves at `/users/me`.
#[utoipa::path(
    delete, path = Endpoint::DeleteUser.path(), tag = "users",
    params(PathId<UserId>, IfMatch, IfNoneMatch),
    request_body = Option<Confirmation>,
    responses((status = 204, description = "The user has been deleted")),
)]
async fn delete_user(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    client: Client,
    precondition: Precondition,
    PathId(id): PathId<UserId>,
    OptionalJson(confirmation): OptionalJson<Confirmation>,
) -> Result<StatusCode, Problem> {
    let expected = precondition.expected(state.require_if_match)?;
    require_other(id, &caller)?;
    let submitted = confirmation.unwrap_or_default().parse()?;
    let confirmed = state.confirm_if_given(&caller, &client, submitted).await?;
    let (confirmed, actor) = (confirmed.as_ref(), caller.actor());
    let deleted = state
        .users
        .delete_confirmed(id, expected, confirmed, &actor);
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a user's sessions
///
/// The user has to sign in again everywhere.
#[utoipa::path(
    delete, path = Endpoint::EndUserSessions.path(), tag = "users",
    params(PathId<UserId>),
    responses((status = 204, description = "All sessions of the user have ended")),
)]
async fn end_sessions(
    State(state): State<Arc<UsersState>>,
    caller: AnyCaller,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, Problem> {
    state.sessions.end_all(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Create a reset token
///
/// The token lets the user set a new password within one hour. It is shown only once; creating another
/// invalidates it. A token for another admin requires the caller's `current_password`; callers change their
/// own password at `/users/me/password`.
#[utoipa::path(
    post, path = Endpoint::CreateResetToken.path(), tag = "users",
    params(PathId<UserId>),
    request_body = Option<Confirmation>,
    responses((status = 201, description = "The reset token", body = ResetTokenView)),
)]
async fn create_reset_token(
    State(state): State<Arc<UsersState>>,
    caller: Caller,
    client: Client,
    PathId(id): PathId<UserId>,
    OptionalJson(confirmation): OptionalJson<Confirmation>,
) -> Result<Response, Problem> {
    let caller = AnyCaller::User(caller);
    require_other(id, &caller)?;
    let submitted = confirmation.unwrap_or_default().parse()?;
    let confirmed = state.confirm_if_given(&caller, &client, submitted).await?;
    let (confirmed, actor) = (confirmed.as_ref(), caller.actor());
    let token = state.passwords.create_reset_token(id, confirmed, &actor);
    response::secret_json(StatusCode::CREATED, &ResetTokenView::from(token.await?))
}

impl UsersState {
    /// Returns the hash of the caller's password; `None` when none was sent. Wrong passwords are counted.
    async fn confirm_if_given(
        &self,
        caller: &AnyCaller,
        client: &Client,
        submitted: Option<SubmittedPassword>,
    ) -> Result<Option<PasswordHash>, Problem> {
        match (submitted, caller) {
            (Some(submitted), AnyCaller::User(caller)) => {
                let confirmed = me::confirm(self, caller, client, &submitted).await?;
                Ok(Some(confirmed))
            }
            (Some(_), AnyCaller::Service(_)) => {
                let detail = "must be omitted: a service account has no password";
                Err(Error::invalid("current_password", detail).into())
            }
            (None, _) => Ok(None),
        }
    }
}

/// Returns 409 for the caller's own id.
fn require_other(id: UserId, caller: &AnyCaller) -> Result<(), Problem> {
    match id.0 == caller.id() {
        true => Err(Problem::use_users_me()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
