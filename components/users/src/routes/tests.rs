//! Tests of the router with a scripted database, called by an admin.

use axum::body::Body;
use futures::executor::block_on;
use http::Request;
use http::response::Parts;
use http_body_util::BodyExt;
use spin_pg_bindings::postgres::{DatabaseError, Error, FromRow, Row, Value};
use time::macros::datetime;
use uuid::Uuid;
use web::App;
use web::auth::access_token::Verifier;
use web::wiring::services::Services;
use web::wiring::testing::{ScriptedDatabase, authorization, quiet, stores, variables};

use accounts::User;
use accounts::password::breached::BreachedPasswords;

use super::*;

const USERS: &str = "/api/v1/users";
const ID: Uuid = Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);

fn user_row(extra: impl IntoIterator<Item = (&'static str, Value)>) -> Row {
    let at = datetime!(2026-01-31 12:00 UTC);
    let mut fields = vec![
        ("id", Value::Uuid(ID)),
        ("email", Value::Text("ada@example.com".into())),
        ("full_name", Value::Text("Ada".into())),
        ("role", Value::Text("user".into())),
        ("is_active", Value::Bool(true)),
        ("version", Value::Int64(3)),
        ("external_id", Value::Null),
        ("attributes", Value::Json(serde_json::json!({}))),
        ("session_epoch", Value::Int64(0)),
        ("created_at", Value::Timestamp(at)),
        ("updated_at", Value::Timestamp(at)),
    ];
    fields.extend(extra);
    let (columns, values): (Vec<_>, Vec<_>) = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .unzip();
    Row::new(columns.into(), values)
}

fn send(
    results: Vec<Result<Vec<Row>, Error>>,
    request: http::request::Builder,
    body: &'static str,
) -> (Parts, serde_json::Value) {
    let (variables, database) = (variables(), ScriptedDatabase::new(results));
    let admin = User {
        id: UserId::generate(),
        role: Role::Admin,
        ..User::from_row(&user_row(None)).unwrap()
    };
    let stores = stores(database.clone(), Some(admin.clone()));
    let audit = Audit::new(stores.database.clone());
    let feed = Feed::new(stores.database.clone(), stores.deferred.clone());
    let verifier = Verifier::read(&variables).unwrap();
    let services = Services::read(&variables, stores, BreachedPasswords::off(), verifier).unwrap();
    let state = UsersState {
        sessions: services.sessions(None, accounts::SessionPolicy::default()),
        users: services.users,
        passwords: services.passwords,
        audit,
        feed,
        cursors: CursorKey::new(&services.root_key),
        require_if_match: true,
        attributes: Schema::default(),
        exports_password_hashes: false,
    };
    let app = App::new(router(services.access_control, state), &quiet());
    let request = request.header("authorization", authorization(&admin));
    let request = request.body(Body::from(body)).unwrap();
    let (parts, body) = block_on(app.handle(request)).into_parts();
    assert_eq!(database.left(), 0, "not all scripted statements were run");
    let body = block_on(body.collect()).unwrap().to_bytes();
    (parts, serde_json::from_slice(&body).unwrap_or_default())
}

fn user_uri() -> String {
    format!("{USERS}/{ID}")
}

#[test]
fn a_user_is_returned_with_its_validators() {
    let (parts, body) = send(vec![Ok(vec![user_row(None)])], Request::get(user_uri()), "");
    assert_eq!(parts.status, 200);
    assert_eq!(parts.headers["etag"], "\"v3\"");
    assert_eq!(parts.headers["vary"], "Authorization");
    assert_eq!(body["created_at"], "2026-01-31T12:00:00Z");

    let known = Request::get(user_uri()).header("if-none-match", "\"v3\"");
    let (parts, body) = send(vec![Ok(vec![user_row(None)])], known, "");
    assert_eq!((parts.status.as_u16(), body.is_null()), (304, true));
    assert!(!parts.headers.contains_key("content-length"));
}

#[test]
fn database_errors_are_mapped_to_statuses() {
    let taken = Error::Database(DatabaseError {
        sqlstate: "23505".into(),
        constraint: Some("users_email_key".into()),
        severity: "ERROR".into(),
        message: "duplicate key".into(),
    });
    let lost = Error::Connection("10.0.0.7 refused".into());
    for (result, status, code) in [
        (Err(taken), 409, "email_taken"),
        (Err(lost), 503, "unavailable"),
        (Err(Error::Other("odd".into())), 500, "internal"),
    ] {
        let request = Request::post(USERS).header("content-type", "application/json");
        let body = r#"{"email":"ada@example.com","full_name":"Ada"}"#;
        let (parts, body) = send(vec![result], request, body);
        assert_eq!(
            (parts.status.as_u16(), &body["code"]),
            (status, &code.into())
        );
        assert!(!body.to_string().contains("10.0.0.7"));
    }
}

#[test]
fn an_unconditional_change_is_rejected_before_any_statement() {
    let patch =
        || Request::patch(user_uri()).header("content-type", "application/merge-patch+json");
    assert_eq!(send(vec![], patch(), r#"{"full_name":"B"}"#).0.status, 428);
    assert_eq!(send(vec![], Request::delete(user_uri()), "").0.status, 428);

    let outcome = [("found", true), ("confirmed", true), ("needed", false)];
    let found = outcome.map(|(name, value)| (name, Value::Bool(value)));
    let (parts, _) = send(
        vec![Ok(vec![user_row(found)])],
        patch().header("if-match", "\"v2\""),
        r#"{"full_name":"B"}"#,
    );
    assert_eq!(parts.status, 200);
}

#[test]
fn bad_input_reaches_no_statement() {
    let json = |method: &str, uri: &str| {
        Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
    };
    for (request, body, status) in [
        (json("POST", USERS), r#"{"email":"x","full_name":""}"#, 422),
        (
            json("POST", USERS),
            r#"{"email":"a@b.example","full_name":"A","id":1}"#,
            422,
        ),
        (
            json("PATCH", &user_uri()).header("if-match", "*"),
            r#"{"role":null}"#,
            422,
        ),
        (Request::get(format!("{USERS}/none")), "", 404),
        (Request::get(format!("{USERS}?cursor=AAAA")), "", 422),
        (Request::get(format!("{USERS}?page=2")), "", 422),
    ] {
        let (parts, document) = send(vec![], request, body);
        assert_eq!(parts.status.as_u16(), status, "{document}");
    }
}

#[test]
fn an_import_has_one_result_per_line() {
    let import =
        || Request::post(format!("{USERS}/import")).header("content-type", "application/x-ndjson");
    let lines = "{\"email\":\"x\",\"full_name\":\"A\"}\n\n[]\n{\"email\":\"a@b.example\",\"full_name\":\"A\",\"id\":1}";
    let (parts, body) = send(vec![], import(), lines);
    assert_eq!((parts.status.as_u16(), &body["rejected"]), (200, &3.into()));
    let pointers: Vec<_> = (0..3)
        .map(|at| &body["results"][at]["errors"][0]["pointer"])
        .collect();
    assert_eq!(pointers, ["#/email", "#", "#/id"]);

    let names = [
        "line",
        "has_id",
        "has_external_id",
        "created",
        "by_id",
        "by_email",
        "by_external_id",
    ];
    let columns: Arc<[String]> = names.map(str::to_owned).into();
    let found = |line, created, by_email| {
        let values = vec![
            Value::Int64(line),
            Value::Bool(false),
            Value::Bool(false),
            created,
            Value::Null,
            by_email,
            Value::Null,
        ];
        Row::new(columns.clone(), values)
    };
    let first = vec![
        found(1, Value::Uuid(ID), Value::Null),
        // Created by a concurrent request.
        found(2, Value::Null, Value::Null),
    ];
    let second = vec![found(2, Value::Null, Value::Uuid(ID))];
    let lines = "{\"email\":\"a@b.example\",\"full_name\":\"A\"}\n{\"email\":\"b@b.example\",\"full_name\":\"B\"}";
    let (parts, body) = send(vec![Ok(first), Ok(second)], import(), lines);
    assert_eq!(parts.status, 200, "{body}");
    assert_eq!(body["results"][0]["status"], "created");
    assert_eq!(body["results"][1]["status"], "unchanged");
    assert_eq!(body["results"][1]["id"], ID.to_string());
}
