//! `/api/v1/users`.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Json, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};

use crate::admission::Caller;
use crate::app::App;
use crate::body::Body;
use crate::problem::Problem;
use crate::store::Updated;
use crate::user::{User, View};

const PATH: &str = "/api/v1/users";
const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Only the caller's own cache may keep a response, and must revalidate it each time.
const PRIVATE: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "private, no-cache"),
    (VARY, "Authorization"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    email: String,
    full_name: String,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchUser {
    #[serde(default, deserialize_with = "not_null")]
    full_name: Option<String>,
}

/// In a merge patch `null` removes a member (RFC 7396); a user's members cannot be removed.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListUsers {
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    items: Vec<View<'a>>,
    next: Option<&'a str>,
}

/// Returns one user: the caller, or any user for an admin.
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = caller.self_or_admin(&id)?;
    let user = match caller.about {
        _ if id == caller.user.id => caller.user,
        Some(user) => user,
        None => {
            let user = app.store.find_user(id).await?;
            let user = user.ok_or_else(Problem::not_found)?;
            app.cache.keep(user.clone(), None);
            user
        }
    };
    let has_version = |tags: Vec<&str>| tags.contains(&"*") || tags.contains(&&*etag(&user));
    if tags(&headers, &IF_NONE_MATCH)?.is_some_and(has_version) {
        return Ok((StatusCode::NOT_MODIFIED, PRIVATE, [(ETAG, etag(&user))]).into_response());
    }
    Ok(one(StatusCode::OK, &user))
}

/// Returns a page of users, newest first.
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Result<Query<ListUsers>, QueryRejection>,
) -> Result<Response, Problem> {
    caller.require_admin()?;
    let Query(query) = query.map_err(|error| Problem::invalid("", error.body_text()))?;
    let limit = match query.limit {
        Some(0) => return Err(Problem::invalid("limit", "must be at least 1")),
        limit => limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT),
    };
    let wrong_cursor = || Problem::invalid("cursor", "does not belong to this query");
    let after = query
        .cursor
        .map(|cursor| app.cursors.open(&cursor).ok_or_else(wrong_cursor));
    let count = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut users = app.store.list(count, after.transpose()?).await?;
    let has_more = users.len() > limit;
    users.truncate(limit);
    let next = users
        .last()
        .filter(|_| has_more)
        .map(|user| app.cursors.seal(user));
    let page = Page {
        items: users.iter().map(View::from).collect(),
        next: next.as_deref(),
    };
    let mut response = (PRIVATE, Json(page)).into_response();
    if let Some(cursor) = &next {
        let link = format!("<{PATH}?limit={limit}&cursor={cursor}>; rel=\"next\"");
        let link = link.parse().map_err(Problem::internal)?;
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Creates a user, active and without privileges.
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(new): Body<CreateUser>,
) -> Result<Response, Problem> {
    caller.require_admin()?;
    let email = parse_email(&new.email)?;
    let full_name = parse_full_name(&new.full_name)?;
    let hash = match new.password {
        None => None,
        Some(password) if !(8..=128).contains(&password.chars().count()) => {
            return Err(Problem::invalid(
                "password",
                "must have 8 to 128 characters",
            ));
        }
        Some(password) => Some(app.passwords.slot().await?.hash(password).await?),
    };
    let (by, actor) = (caller.user.id, &caller.actor);
    let user = app
        .store
        .create(&email, &full_name, hash.as_deref(), by, actor)
        .await?;
    let location = [(LOCATION, format!("{PATH}/{}", user.id))];
    Ok((location, one(StatusCode::CREATED, &user)).into_response())
}

/// Renames the caller, or any user for an admin.
pub async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    Body(patch): Body<PatchUser>,
) -> Result<Response, Problem> {
    let id = caller.self_or_admin(&id)?;
    let full_name = patch
        .full_name
        .as_deref()
        .map(parse_full_name)
        .transpose()?;
    let tags = tags(&headers, &IF_MATCH)?.filter(|tags| !tags.contains(&"*"));
    let expected = tags.map(|tags| tags.into_iter().filter_map(version).collect::<Vec<_>>());
    let updated = app.store.update(
        id,
        full_name.as_deref(),
        expected.as_deref(),
        caller.user.id,
        &caller.actor,
    );
    match updated.await? {
        Updated::To(user) => {
            // Before the response: its client must not read the old state. If Redis is down, nobody
            // reads it, and its entries expire by themselves.
            let _ = app.cache.put(&user, None).await;
            Ok(one(StatusCode::OK, &user))
        }
        Updated::Stale => Err(Problem::stale()),
        Updated::Missing => Err(Problem::not_found()),
    }
}

fn one(status: StatusCode, user: &User) -> Response {
    let headers = (PRIVATE, [(ETAG, etag(user))]);
    (status, headers, Json(View::from(user))).into_response()
}

fn etag(user: &User) -> String {
    format!("\"v{}\"", user.version)
}

fn version(tag: &str) -> Option<i64> {
    tag.strip_prefix("\"v")?.strip_suffix('"')?.parse().ok()
}

/// Returns the tags of `If-Match` or `If-None-Match`. Ours have no commas; a weak one is compared as it
/// is.
fn tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<Vec<&'h str>>, Problem> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let is_tag = |tag: &str| tag == "*" || (tag.len() > 1 && tag.ends_with('"'));
    let tags = value.to_str().unwrap_or_default().split(',').map(|tag| {
        let tag = tag.trim();
        match name == IF_NONE_MATCH {
            true => tag.strip_prefix("W/").unwrap_or(tag),
            false => tag,
        }
    });
    let tags: Vec<_> = tags.collect();
    match tags.iter().all(|tag| is_tag(tag)) {
        true => Ok(Some(tags)),
        false => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_header",
            "The condition is not a list of entity tags (RFC 9110, section 13.1).",
        )),
    }
}

/// Reads an email in ASCII and lower case: a name, an @ and a host of two or more labels.
pub fn parse_email(text: &str) -> Result<String, Problem> {
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
    let parts = text.rsplit_once('@').filter(|(name, host)| {
        text.len() <= 254 && is_word(name) && host.contains('.') && host.split('.').all(is_word)
    });
    match parts {
        Some(_) => Ok(text.to_ascii_lowercase()),
        None => Err(Problem::invalid(
            "email",
            "must have the form name@example.com",
        )),
    }
}

fn parse_full_name(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    match (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        true => Ok(name.to_owned()),
        false => Err(Problem::invalid(
            "full_name",
            "must have 1 to 200 visible characters",
        )),
    }
}
