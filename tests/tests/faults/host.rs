//! App as a process: stored data, log, shutdown and configuration.

use std::time::Duration;

use blackbox::client::{USERS, id, user_path};
use blackbox::host::not_on_spin;
use blackbox::stack::{Stack, eventually};
use blackbox::{new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_stored_as_argon2id_hashes() {
    let stack = Stack::start().await;
    let mut body = new_user();
    body["password"] = json!("correct horse battery");
    let user = stack.client.created(&body).await;
    let bare = stack.client.created(&new_user()).await;
    let database = stack.database().await;
    let row = async |user: &Value| {
        database
            .query_opt(
                "SELECT email, full_name, role, is_active, version, password_hash \
                 FROM users WHERE id = $1::text::uuid",
                &[&id(user)],
            )
            .await
            .unwrap()
    };
    let stored = row(&user).await.expect("a row");
    assert_eq!(stored.get::<_, &str>("email"), user["email"]);
    assert_eq!(stored.get::<_, &str>("full_name"), user["full_name"]);
    assert_eq!(stored.get::<_, &str>("role"), "user");
    assert!(stored.get::<_, bool>("is_active"));
    assert_eq!(stored.get::<_, i64>("version"), 1);
    let hash = stored
        .get::<_, Option<&str>>("password_hash")
        .expect("a hash");
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    let stored = row(&bare).await.expect("a row");
    assert_eq!(stored.get::<_, Option<&str>>("password_hash"), None);
    stack.client.delete(id(&user)).await.expect(204);
    assert!(row(&user).await.is_none());
}

/// Waits for the request's line in the log and returns it.
async fn log_line(stack: &Stack, request_id: &str) -> Value {
    let find = || {
        stack
            .log_lines()
            .into_iter()
            .find(|line| line["request_id"] == request_id)
    };
    eventually(Duration::from_secs(5), "the log line", async || {
        find().is_some()
    })
    .await;
    find().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_is_one_json_line_without_personal_data() {
    let stack = Stack::start().await;
    let client = &stack.client;
    let mut body = new_user();
    body["password"] = json!("correct horse battery");
    let user = client.created(&body).await;
    let item = user_path(id(&user));
    let email = user["email"].as_str().unwrap();
    let cases = [
        (Method::GET, item.clone(), "/api/v1/users/{id}", 200),
        (Method::PUT, item, "/api/v1/users/{id}", 405),
        (Method::GET, user_path("nobody"), "/api/v1/users/{id}", 404),
        (Method::GET, format!("{USERS}?email={email}"), USERS, 200),
        (Method::GET, format!("{USERS}?{email}=1"), USERS, 422),
        (
            Method::GET,
            "/api/v1/health/live".to_owned(),
            "/api/v1/health/live",
            200,
        ),
        (
            Method::GET,
            "/api/v1/health/ready".to_owned(),
            "/api/v1/health/ready",
            200,
        ),
    ];
    for (method, path, route, status) in cases {
        let request_id = unique();
        let request = client
            .request(method.clone(), &path)
            .header("x-request-id", &request_id)
            .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        client.send(request).await.expect(status);
        let line = log_line(&stack, &request_id).await;
        assert_eq!(
            (&line["method"], &line["route"]),
            (&json!(method.as_str()), &json!(route))
        );
        assert_eq!(
            (&line["status"], &line["trace_id"]),
            (&json!(status), &json!(TRACE))
        );
        assert!(
            OffsetDateTime::parse(line["time"].as_str().unwrap(), &Rfc3339).is_ok(),
            "{line}"
        );
        assert!(
            line["level"].is_string() && line["ms"].is_number(),
            "{line}"
        );
        let count = stack
            .log_lines()
            .iter()
            .filter(|l| l["request_id"] == request_id)
            .count();
        assert_eq!(count, 1, "one line a request");
    }
    let untraced = unique();
    client
        .get_with(USERS, "x-request-id", &untraced)
        .await
        .expect(200);
    assert!(log_line(&stack, &untraced).await["trace_id"].is_null());
    let taken = unique();
    let twin = client
        .request(Method::POST, USERS)
        .header("x-request-id", &taken)
        .json(&body);
    client.send(twin).await.problem(409, "email_taken");
    log_line(&stack, &taken).await;
    let log = stack.log();
    let name = email.split('@').next().unwrap();
    for secret in [name, "correct horse", "argon2id", "cursor_key"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cause_of_an_outage_is_logged_but_not_returned() {
    let mut stack = Stack::start().await;
    stack.stop_postgres();
    let request_id = unique();
    let reply = stack
        .client
        .get_with(USERS, "x-request-id", &request_id)
        .await;
    reply.problem(503, "unavailable");
    let line = log_line(&stack, &request_id).await;
    assert_eq!(
        (&line["level"], &line["status"]),
        (&json!("error"), &json!(503))
    );
    assert!(
        line["error"]
            .as_str()
            .is_some_and(|cause| !cause.is_empty()),
        "{line}"
    );
    let log = stack.log();
    assert!(
        !log.contains(stack.database_password()),
        "the password is in the log"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_requests_in_flight_finish() {
    if not_on_spin("faults::host::sigterm_lets_requests_in_flight_finish") {
        return;
    }
    let mut stack = Stack::start().await;
    let client = stack.client.clone();
    let user = client.created(&new_user()).await;
    let mut database = stack.database().await;
    let watcher = stack.database().await;
    let lock = database.transaction().await.unwrap();
    lock.execute(
        "SELECT 1 FROM users WHERE id = $1::text::uuid FOR UPDATE",
        &[&id(&user)],
    )
    .await
    .unwrap();
    let in_flight = {
        let (client, id) = (client.clone(), id(&user).to_owned());
        tokio::spawn(async move {
            client
                .patch(&id, &json!({ "full_name": "In flight" }))
                .await
        })
    };
    eventually(
        Duration::from_secs(5),
        "a patch that waits for the lock",
        async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
            watcher
                .query_one(waiting, &[])
                .await
                .unwrap()
                .get::<_, i64>(0)
                > 0
        },
    )
    .await;
    let stopped = stack.terminate_host();
    eventually(
        Duration::from_secs(1),
        "the listener to close",
        async || {
            let request = client.request(Method::GET, "/api/v1/health/live");
            let request = request
                .header("connection", "close")
                .timeout(Duration::from_millis(200));
            client.try_send(request).await.is_err()
        },
    )
    .await;
    lock.commit().await.unwrap();
    let reply = in_flight.await.unwrap().expect(200);
    assert_eq!(reply.json()["full_name"], "In flight");
    let status = stopped.await.unwrap().expect("an exit status");
    assert!(status.success(), "{status}");
    let sql = "SELECT full_name FROM users WHERE id = $1::text::uuid";
    let row = watcher.query_one(sql, &[&id(&user)]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "In flight");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_variable_is_logged_and_stops_the_service() {
    let weak = "a".repeat(64);
    let mut stack = Stack::start().await;
    for (name, value) in [
        ("cursor_key", "short"),
        ("cursor_key", weak.as_str()),
        ("cache_ttl_seconds", "0"),
        ("cache_ttl_seconds", "31"),
        ("require_if_match", "maybe"),
        ("cors_allowed_origins", "*"),
        ("log_level", "loud"),
        ("db_sslmode", "maybe"),
    ] {
        let usual = stack.variable(name);
        // A host may fail to start at all if it reports the reason.
        if let Err(error) = stack.restart_host(&[(name, value)]) {
            assert!(format!("{error:#}").contains(name), "{error:#}");
            stack.restart_host(&[(name, &usual)]).expect("a host");
            continue;
        }
        for request in [
            stack.client.request(Method::GET, USERS),
            stack.client.request(Method::POST, USERS).json(&new_user()),
        ] {
            let reply = stack.client.try_send(request).await.unwrap();
            assert!(matches!(reply.status, 500 | 503), "{name}={value}: {reply}");
            reply.any_problem();
        }
        let complaint = format!("variable {name}:");
        let named = async || stack.log().contains(&complaint);
        eventually(Duration::from_secs(5), &format!("{name} in the log"), named).await;
        if name != "log_level" && value.len() > 4 {
            assert!(
                !stack.log().contains(value),
                "the value of {name} is in the log"
            );
        }
        stack.restart_host(&[(name, &usual)]).expect("a host");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn require_if_match_rejects_unconditional_changes() {
    let stack = Stack::start_with(&[("require_if_match", "true")]).await;
    let client = &stack.client;
    let user = client.created(&new_user()).await;
    let patch = json!({ "full_name": "N" });
    client
        .patch(id(&user), &patch)
        .await
        .problem(428, "precondition_required");
    client
        .delete(id(&user))
        .await
        .problem(428, "precondition_required");
    client
        .patch_if(id(&user), &patch, "\"v1\"")
        .await
        .expect(200);
    let delete = client.request(Method::DELETE, &user_path(id(&user)));
    client
        .send(delete.header("if-match", "\"v2\""))
        .await
        .expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_configured_origins_are_allowed() {
    let origins = "https://app.example.com,http://localhost:5173";
    let stack = Stack::start_with(&[("cors_allowed_origins", origins)]).await;
    let client = &stack.client;
    let ask = async |method: Method, path: &str, origin: &str| {
        let request = client.request(method, path).header("origin", origin);
        let request = request.header("access-control-request-method", "PATCH");
        client
            .send(request.header("access-control-request-headers", "if-match"))
            .await
    };
    let missing = user_path("nobody");
    for origin in origins.split(',') {
        for (method, path) in [
            (Method::GET, USERS),
            (Method::GET, &missing),
            (Method::OPTIONS, &missing),
        ] {
            let preflight = method == Method::OPTIONS;
            let reply = ask(method, path, origin).await;
            assert_eq!(
                reply.header("access-control-allow-origin"),
                Some(origin),
                "{reply}"
            );
            assert_eq!(
                reply.header("access-control-allow-credentials"),
                Some("true"),
                "{reply}"
            );
            let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
            let vary = format!("{vary:?}").to_ascii_lowercase();
            assert!(vary.contains("origin"), "{reply}");
            if preflight {
                assert!(matches!(reply.status, 200 | 204), "{reply}");
                let methods = reply
                    .header("access-control-allow-methods")
                    .unwrap_or_default();
                assert!(methods.contains("PATCH"), "{reply}");
                let headers = reply
                    .header("access-control-allow-headers")
                    .unwrap_or_default();
                assert!(headers.to_ascii_lowercase().contains("if-match"), "{reply}");
            } else {
                let exposed = reply
                    .header("access-control-expose-headers")
                    .unwrap_or_default();
                assert!(exposed.to_ascii_lowercase().contains("etag"), "{reply}");
            }
        }
    }
    for origin in [
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "HTTPS://APP.EXAMPLE.COM",
        "null",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let reply = ask(method, USERS, origin).await;
            assert!(
                reply.header("access-control-allow-origin").is_none(),
                "{origin}: {reply}"
            );
        }
    }
}
