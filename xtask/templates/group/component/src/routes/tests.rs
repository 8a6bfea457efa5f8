//! Tests of the router with a scripted database.

use accounts::{Role, User, UserId};
use axum::body::Body;
use futures::executor::block_on;
use http::Request;
use http::request::Builder;
use http_body_util::BodyExt;
use serde_json::Value as Json;
use spin_pg_bindings::postgres::{Error, FromRow, Row, Value};
use time::macros::datetime;
use uuid::Uuid;
use web::App;
use web::auth::access_token::Verifier;
use web::wiring::services::Access;
use web::wiring::testing::{ScriptedDatabase, authorization, quiet, stores, variables};

use super::*;

const PATH: &str = "/api/v1/__names__";

fn row<const N: usize>(fields: [(&str, Value); N]) -> Row {
    let (columns, values): (Vec<_>, Vec<_>) = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .unzip();
    Row::new(columns.into(), values)
}

fn stored(id: u128) -> Row {
    row([
        ("total", Value::Null),
        ("id", Value::Uuid(Uuid::from_u128(id))),
        ("name", Value::Text("First".into())),
        ("created_at", Value::Timestamp(datetime!(2026-01-31 12:00 UTC))),
    ])
}

fn caller(role: Role) -> User {
    let at = datetime!(2026-01-31 12:00 UTC);
    let user = row([
        ("id", Value::Uuid(UserId::generate().0)),
        ("email", Value::Text("ada@example.com".into())),
        ("full_name", Value::Text("Ada".into())),
        ("role", Value::Text(role.as_str().into())),
        ("is_active", Value::Bool(true)),
        ("version", Value::Int64(1)),
        ("external_id", Value::Null),
        ("session_epoch", Value::Int64(0)),
        ("created_at", Value::Timestamp(at)),
        ("updated_at", Value::Timestamp(at)),
    ]);
    User::from_row(&user).unwrap()
}

/// Sends the request as a caller with `role`; returns the status and the JSON document.
fn send(
    results: Vec<Result<Vec<Row>, Error>>,
    role: Role,
    request: Builder,
    body: &'static str,
) -> (u16, Json) {
    let (variables, database, user) = (variables(), ScriptedDatabase::new(results), caller(role));
    let stores = stores(database.clone(), Some(user.clone()));
    let verifier = Verifier::read(&variables).unwrap();
    let access = Access::read(&variables, &stores, verifier).unwrap();
    let state = __Names__State {
        __names__: __Names__::new(stores.database.clone(), &access.root_key),
        cursors: CursorKey::new(&access.root_key),
    };
    let app = App::new(router(access.control, state), &quiet());
    let request = request
        .header("authorization", authorization(&user))
        .header("content-type", "application/json");
    let request = request.body(Body::from(body)).unwrap();
    let (parts, body) = block_on(app.handle(request)).into_parts();
    assert_eq!(database.left(), 0, "not all scripted statements were run");
    let body = block_on(body.collect()).unwrap().to_bytes();
    (parts.status.as_u16(), serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_full_page_has_a_cursor() {
    let rows = vec![stored(2), stored(1)];
    let one = Request::get(format!("{PATH}?limit=1"));
    let (status, page) = send(vec![Ok(rows)], Role::Admin, one, "");
    assert_eq!(status, 200, "{page}");
    assert_eq!(page["items"][0]["id"], Uuid::from_u128(2).to_string());
    assert_eq!(page["items"][0]["created_at"], "2026-01-31T12:00:00Z");
    let next = format!("{PATH}?limit=1&cursor={}", page["next"].as_str().unwrap());
    let rows = vec![stored(1)];
    let (status, page) = send(vec![Ok(rows)], Role::Admin, Request::get(next), "");
    assert_eq!((status, page["next"].is_null()), (200, true), "{page}");
}

#[test]
fn a_created___name___is_returned() {
    let created = vec![Ok(vec![stored(1)])];
    let (status, body) = send(created, Role::Admin, Request::post(PATH), r#"{"name":"First"}"#);
    assert_eq!((status, &body["name"]), (201, &"First".into()), "{body}");
}

#[test]
fn a_lost_connection_gets_503() {
    let lost = Err(Error::Connection("10.0.0.7 refused".into()));
    let request = Request::post(PATH);
    let (status, body) = send(vec![lost], Role::Admin, request, r#"{"name":"First"}"#);
    assert_eq!((status, &body["code"]), (503, &"unavailable".into()), "{body}");
}

#[test]
fn rejected_requests_reach_no_statement() {
    for (role, request, body, expected) in [
        (Role::User, Request::get(PATH), "", 403),
        (Role::User, Request::post(PATH), r#"{"name":"First"}"#, 403),
        (Role::Admin, Request::post(PATH), r#"{"name":""}"#, 422),
        (Role::Admin, Request::post(PATH), r#"{"name":"A","id":1}"#, 422),
        (Role::Admin, Request::get(format!("{PATH}?sort=name")), "", 422),
        (Role::Admin, Request::get(format!("{PATH}?cursor=AAAA")), "", 422),
    ] {
        let (status, document) = send(vec![], role, request, body);
        assert_eq!(status, expected, "{document}");
    }
}
