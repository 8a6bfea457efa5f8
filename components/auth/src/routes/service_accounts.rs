//! `/api/v1/service-accounts`: programs that call the API, and their keys.

use std::sync::Arc;

use accounts::service_account::service::list::context;
use accounts::{ServiceAccount, ServiceAccountId};
use axum::extract::State;
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode, Uri};
use web::Problem;
use web::auth::access_control::Caller;
use web::auth::endpoints::Endpoint;
use web::extract::body::{Json, MergePatch, OptionalJson};
use web::extract::conditional::{IfMatch, IfNoneMatch, Precondition};
use web::extract::path::{PathId, PathKeyId};
use web::extract::query::Query;
use web::response;
use web::response::entity_tag::ETag;
use web::response::list;

use super::AuthState;
use crate::wire::service_accounts::{
    CreateApiKey, CreateServiceAccount, ListServiceAccounts, NewApiKeyView, PatchServiceAccount,
    ServiceAccountList, ServiceAccountView,
};

/// List service accounts
///
/// Returns a page of service accounts, newest first by default.
#[utoipa::path(
    get, path = Endpoint::ListServiceAccounts.path(), tag = "service accounts",
    params(ListServiceAccounts),
    responses((
        status = 200, description = "A page of service accounts", body = ServiceAccountList,
        headers(("Link"))
    )),
)]
pub(super) async fn list(
    State(state): State<Arc<AuthState>>,
    uri: Uri,
    Query(sent): Query<ListServiceAccounts>,
) -> Result<Response, Problem> {
    let mut query = sent.parse()?;
    let context = context(query.sort);
    query.window.after = list::position(&state.cursors, sent.cursor.as_deref(), &context)?;
    let page = state.service_accounts.list(&query).await?;
    list::page::<_, ServiceAccountView>(&state.cursors, &context, &uri, page)
}

/// Create a service account
///
/// The account has no key yet.
#[utoipa::path(
    post, path = Endpoint::CreateServiceAccount.path(), tag = "service accounts",
    request_body = CreateServiceAccount,
    responses((
        status = 201, description = "The new service account", body = ServiceAccountView,
        headers(("ETag"), ("Location"))
    )),
)]
pub(super) async fn create(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    Json(value): Json<CreateServiceAccount>,
) -> Result<Response, Problem> {
    let new = value.parse()?;
    let account = state.service_accounts.create(&new, &caller.actor()).await?;
    let location = HeaderValue::from_str(&format!("/api/v1/service-accounts/{}", account.id));
    let mut response = account_response(StatusCode::CREATED, account)?;
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Get a service account
///
/// Returns the account and its keys, without the keys themselves.
#[utoipa::path(
    get, path = Endpoint::GetServiceAccount.path(), tag = "service accounts",
    params(PathId<ServiceAccountId>),
    responses((
        status = 200, description = "The service account", body = ServiceAccountView,
        headers(("ETag"))
    )),
)]
pub(super) async fn get(
    State(state): State<Arc<AuthState>>,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<Response, Problem> {
    account_response(StatusCode::OK, state.service_accounts.get(id).await?)
}

/// Update a service account
///
/// Applies from the next request with a key of the account.
#[utoipa::path(
    patch, path = Endpoint::UpdateServiceAccount.path(), tag = "service accounts",
    params(PathId<ServiceAccountId>, IfMatch, IfNoneMatch),
    request_body(
        description = "A JSON merge patch (RFC 7396). Omitted members remain unchanged.",
        content(
            (PatchServiceAccount = "application/merge-patch+json"),
            (PatchServiceAccount = "application/json")
        )
    ),
    responses((
        status = 200, description = "The updated service account", body = ServiceAccountView,
        headers(("ETag"))
    )),
)]
pub(super) async fn update(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    precondition: Precondition,
    PathId(id): PathId<ServiceAccountId>,
    MergePatch(patch): MergePatch<PatchServiceAccount>,
) -> Result<Response, Problem> {
    let expected = precondition.expected(state.require_if_match)?;
    let (patch, actor) = (patch.parse()?, caller.actor());
    let updated = state.service_accounts.update(id, &patch, expected, &actor);
    account_response(StatusCode::OK, updated.await?)
}

/// Delete a service account
///
/// All its keys are rejected from the next request.
#[utoipa::path(
    delete, path = Endpoint::DeleteServiceAccount.path(), tag = "service accounts",
    params(PathId<ServiceAccountId>, IfMatch, IfNoneMatch),
    responses((status = 204, description = "The service account has been deleted")),
)]
pub(super) async fn delete(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    precondition: Precondition,
    PathId(id): PathId<ServiceAccountId>,
) -> Result<StatusCode, Problem> {
    let expected = precondition.expected(state.require_if_match)?;
    let actor = caller.actor();
    state.service_accounts.delete(id, expected, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Create an API key
///
/// The key is shown only once. An account has at most two keys that have not expired, so that a new key can replace an
/// old one without a gap.
#[utoipa::path(
    post, path = Endpoint::CreateApiKey.path(), tag = "service accounts",
    params(PathId<ServiceAccountId>),
    request_body = Option<CreateApiKey>,
    responses((status = 201, description = "The new key", body = NewApiKeyView)),
)]
pub(super) async fn create_key(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    PathId(id): PathId<ServiceAccountId>,
    OptionalJson(value): OptionalJson<CreateApiKey>,
) -> Result<Response, Problem> {
    let (days, actor) = (value.unwrap_or_default().parse()?, caller.actor());
    let created = state.service_accounts.create_key(id, days, &actor);
    let (key, account) = created.await?;
    let view = NewApiKeyView::new(&key, &account)
        .ok_or_else(|| Problem::internal("the account does not have its new key"))?;
    response::secret_json(StatusCode::CREATED, &view)
}

/// Delete an API key
///
/// The key is rejected from the next request.
#[utoipa::path(
    delete, path = Endpoint::DeleteApiKey.path(), tag = "service accounts",
    params(PathKeyId),
    responses((status = 204, description = "The key has been deleted")),
)]
pub(super) async fn delete_key(
    State(state): State<Arc<AuthState>>,
    caller: Caller,
    PathKeyId(id, key): PathKeyId,
) -> Result<StatusCode, Problem> {
    let actor = caller.actor();
    state.service_accounts.delete_key(id, key, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn account_response(status: StatusCode, account: ServiceAccount) -> Result<Response, Problem> {
    let tag = ETag(account.version);
    response::tagged_json(status, &ServiceAccountView::from(account), tag)
}
