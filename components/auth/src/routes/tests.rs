//! Tests of the router with scripted stores.

use accounts::password::breached::BreachedPasswords;
use accounts::user::attributes::schema::Schema;
use axum::body::Body;
use axum::extract::Request;
use futures::executor::block_on;
use http_body_util::BodyExt;
use serde_json::Value as Json;
use spin_pg_bindings::postgres::{Row, Value};
use web::App;
use web::wiring::services::Services;
use web::wiring::testing::{ScriptedDatabase, quiet, stores, variables};

use super::*;

/// Sends `request`; returns the head of the response and its JSON document.
fn send(results: Vec<Vec<Row>>, switches: bool, request: Request) -> (http::response::Parts, Json) {
    let variables = variables();
    let verifier = Verifier::read(&variables).unwrap();
    let database = ScriptedDatabase::new(results.into_iter().map(Ok).collect());
    let stores = stores(database.clone(), None);
    let services = Services::read(
        &variables,
        stores,
        BreachedPasswords::off(),
        verifier.clone(),
    )
    .unwrap();
    let state = AuthState {
        sessions: services.sessions(None, accounts::SessionPolicy::default()),
        users: services.users.clone(),
        passwords: services.passwords.clone(),
        service_accounts: services.service_accounts(),
        access_control: services.access_control.clone(),
        require_if_match: false,
        signer: Signer::read(&variables).unwrap(),
        verifier,
        attributes: Schema::default(),
        registration_enabled: switches,
        token_form_enabled: switches,
        cursors: CursorKey::new(&services.root_key),
        pause: || Box::pin(std::future::ready(())),
    };
    let app = App::new(router(services.access_control, state), &quiet());
    let (parts, body) = block_on(app.handle(request)).into_parts();
    assert_eq!(database.left(), 0, "not all scripted statements were run");
    let body = block_on(body.collect()).unwrap().to_bytes();
    (parts, serde_json::from_slice(&body).unwrap_or_default())
}

#[track_caller]
fn assert_problem(parts: &http::response::Parts, body: &Json, status: u16, code: &str) {
    assert_eq!(parts.status, status);
    assert_eq!(body["code"], code);
}

fn post(path: &str, content_type: &str, body: impl Into<Body>) -> Request {
    http::Request::post(format!("/api/v1/auth/{path}"))
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

/// Database result of counting an attempt at an account that does not exist.
fn counted(counted: bool) -> Vec<Row> {
    let columns = [
        "id",
        "password_hash",
        "account_key",
        "missing",
        "counted",
        "network_failures",
        "wait",
    ];
    let (failures, wait) = match counted {
        true => (Value::Int32(1), Value::Null),
        false => (Value::Null, Value::Int64(7)),
    };
    let values = vec![
        Value::Null,
        Value::Null,
        Value::Bytes(vec![1; 32]),
        Value::Bool(false),
        Value::Bool(counted),
        failures,
        wait,
    ];
    vec![Row::new(columns.map(str::to_owned).to_vec().into(), values)]
}

const LOGIN: &str = r#"{"email":"nobody@example.com","password":"correct horse"}"#;

#[test]
fn an_unknown_account_gets_401_and_is_audited() {
    let request = post("login", "application/json", LOGIN);
    let (parts, body) = send(vec![counted(true), vec![]], true, request);
    assert_problem(&parts, &body, 401, "invalid_credentials");
    assert_eq!(parts.headers["cache-control"], "no-store");
}

#[test]
fn a_throttled_login_gets_429_with_retry_after() {
    let request = post("login", "application/json", LOGIN);
    let (parts, body) = send(vec![counted(false)], true, request);
    assert_problem(&parts, &body, 429, "too_many_attempts");
    assert_eq!(parts.headers["retry-after"], "7");
}

#[test]
fn disabled_endpoints_get_404() {
    for (path, content_type) in [
        ("register", "application/json"),
        ("token", "application/x-www-form-urlencoded"),
    ] {
        let (parts, body) = send(vec![], false, post(path, content_type, "x"));
        assert_problem(&parts, &body, 404, "not_found");
    }
}

#[test]
fn the_form_accepts_only_the_password_grant() {
    let form = "application/x-www-form-urlencoded";
    let body = "grant_type=client_credentials&username=a@b.example&password=x";
    let (parts, document) = send(vec![], true, post("token", form, body));
    assert_eq!(parts.status, 400);
    assert_eq!(document["error"], "unsupported_grant_type");
    let (parts, _) = send(vec![], true, post("token", "application/json", LOGIN));
    assert_eq!(parts.status, 415);
}

#[test]
fn a_malformed_refresh_token_reaches_no_store() {
    let request = post("refresh", "application/json", r#"{"refresh_token":"abc"}"#);
    let (parts, body) = send(vec![], true, request);
    assert_problem(&parts, &body, 401, "invalid_refresh_token");
}

#[test]
fn logout_without_a_token_gets_401() {
    for path in ["logout", "logout-all"] {
        let (parts, body) = send(vec![], true, post(path, "application/json", ""));
        assert_problem(&parts, &body, 401, "unauthenticated");
        assert_eq!(parts.headers["www-authenticate"], "Bearer");
    }
}
