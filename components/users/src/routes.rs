//! The endpoints of the users resource: extract, call the use case, convert.

use accounts::idempotency::{IdempotencyKey, IdempotentRequest};
use accounts::users::list::{ListParameters, ListQuery, Position};
use accounts::{FieldError, User, UserId, Users};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION, VARY};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde::Serialize;
use sha2::{Digest, Sha256};
use web::Problem;
use web::body::{Json, MergePatch};
use web::conditional::{ETag, IfMatch, IfNoneMatch};
use web::cursor::CursorKey;
use web::query::Query;

use crate::wire::{CreateUser, ListUsers, PatchUser, UserList, UserView};

const USERS: &str = "/api/v1/users";

/// What the endpoints work with.
#[derive(Clone)]
pub struct UsersState {
    pub users: Users,
    pub cursors: CursorKey,
    /// Refuse changes that do not say which version they are based on.
    pub require_if_match: bool,
}

pub fn router(state: UsersState) -> Router {
    Router::new()
        .route(USERS, get(list_users).post(create_user))
        .route(
            "/api/v1/users/{id}",
            get(get_user).patch(update_user).delete(delete_user),
        )
        .with_state(state)
}

async fn list_users(
    State(state): State<UsersState>,
    uri: Uri,
    Query(query): Query<ListUsers>,
) -> Result<Response, Problem> {
    let cursor = query.cursor.clone();
    let mut list = ListQuery::parse(&ListParameters::from(query))?;
    let context = list.context();
    if let Some(cursor) = cursor {
        let position = state.cursors.open::<Position>(&cursor, &context);
        let wrong = || FieldError::new("cursor", "does not continue this list; start without one");
        list.after = Some(position.ok_or_else(|| Problem::invalid(vec![wrong()]))?);
    }
    let page = state.users.list_users(&list).await?;
    let next = page
        .next
        .and_then(|position| state.cursors.seal(&position, &context));
    let link = next.as_deref().and_then(|cursor| next_link(&uri, cursor));
    let items = page.users.into_iter().map(UserView::from).collect();
    let mut response = json(
        StatusCode::OK,
        &UserList {
            items,
            next,
            total: page.total,
        },
    )?;
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

async fn create_user(
    State(state): State<UsersState>,
    headers: HeaderMap,
    Json { value, bytes }: Json<CreateUser>,
) -> Result<Response, Problem> {
    let request = idempotency_key(&headers)?.map(|key| IdempotentRequest {
        caller: "anonymous".to_owned(),
        route: "POST /api/v1/users",
        key,
        body_sha256: Sha256::digest(&bytes).to_vec(),
    });
    let user = state.users.create_user(value.parse()?, request).await?;
    let location = HeaderValue::from_str(&format!("{USERS}/{}", user.id));
    let mut response = user_response(StatusCode::CREATED, user)?;
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn get_user(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let user = state.users.get_user(user_id(&id)?).await?;
    let tag = ETag(user.version);
    if if_none_match.has(tag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        set_validators(&mut response, Some(tag));
        return Ok(response);
    }
    user_response(StatusCode::OK, user)
}

async fn update_user(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    if_match: IfMatch,
    MergePatch(patch): MergePatch<PatchUser>,
) -> Result<Response, Problem> {
    let expected = if_match.require(state.require_if_match)?.versions();
    let user = state
        .users
        .update_user(user_id(&id)?, &patch.parse()?, expected)
        .await?;
    user_response(StatusCode::OK, user)
}

async fn delete_user(
    State(state): State<UsersState>,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let expected = if_match.require(state.require_if_match)?.versions();
    state.users.delete_user(user_id(&id)?, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no UUID names no user.
fn user_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).ok_or_else(Problem::not_found)
}

/// The one `Idempotency-Key`, if any.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let single = if values.next().is_none() {
        value.to_str().ok()
    } else {
        None
    };
    let key = single.ok_or("Idempotency-Key must be sent once, in ASCII");
    key.and_then(IdempotencyKey::parse)
        .map(Some)
        .map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, "malformed_header", detail))
}

fn user_response(status: StatusCode, user: User) -> Result<Response, Problem> {
    let tag = ETag(user.version);
    let mut response = json(status, &UserView::from(user))?;
    set_validators(&mut response, Some(tag));
    Ok(response)
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    set_validators(&mut response, None);
    Ok(response)
}

/// Answers are the caller's own: no shared cache may keep them, and a private one asks first.
fn set_validators(response: &mut Response, tag: Option<ETag>) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Authorization"));
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.into());
    }
}

/// The same list behind `cursor` (RFC 8288), as a reference relative to the host.
fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept = query.filter(|(name, _)| name != "cursor");
    let next = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("cursor", cursor)
        .finish();
    HeaderValue::from_str(&format!("<{USERS}?{next}>; rel=\"next\"")).ok()
}

#[cfg(test)]
mod tests;
