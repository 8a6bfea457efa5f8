//! Readiness: faults that make an instance unready, and faults that do not because no instance would be
//! left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use blackbox::client::USERS;
use blackbox::stack::{Stack, eventually};
use blackbox::{Client, Reply};
use futures::future::join_all;
use serde_json::{Value, json};
use settings::Component;

const READY: &str = "/api/v1/health/ready";
/// Redis key that marks a recent response of Postgres.
const LAST_REPLY_KEY: &str = "roster:health:postgres";
/// Time limit for a probe: a second, plus the delay on a loaded machine.
const RESPONSE_LIMIT: Duration = Duration::from_millis(1_500);

/// Returns the response of readiness, which must be in time.
async fn ready(client: &Client) -> Reply {
    let begun = Instant::now();
    let reply = client.get(READY).await;
    let took = begun.elapsed();
    assert!(took < RESPONSE_LIMIT, "{took:?}: {reply}");
    reply
}

/// Waits until the mark of Postgres is set and returns its remaining seconds.
async fn mark(stack: &Stack) -> i64 {
    ready(&stack.client).await.expect(200);
    let mut redis = stack.redis_connection().await;
    redis::cmd("TTL")
        .arg(LAST_REPLY_KEY)
        .query_async(&mut redis)
        .await
        .unwrap()
}

async fn forget_mark(stack: &Stack) {
    let mut redis = stack.redis_connection().await;
    let () = redis::cmd("DEL")
        .arg(LAST_REPLY_KEY)
        .query_async(&mut redis)
        .await
        .unwrap();
}

fn assert_busy(reply: &Reply) {
    let body = reply.json();
    assert_eq!(
        (reply.status, &body["status"]),
        (200, &json!("degraded")),
        "{reply}"
    );
    assert_eq!(body["checks"]["postgres"], "busy", "{reply}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_connection_is_unready_immediately() {
    let mut stack = Stack::start().await;
    mark(&stack).await;
    stack.stop_postgres();
    ready(&stack.client).await.problem(503, "unavailable");
    stack.start_postgres();
    let is_back = async || ready(&stack.client).await.status == 200;
    eventually(Duration::from_secs(5), "readiness", is_back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_postgres_is_unready_after_15_seconds() {
    let mut stack = Stack::start().await;
    let lasts = mark(&stack).await;
    assert!((1..=15).contains(&lasts), "{lasts}");
    stack.pause_postgres();
    assert_busy(&ready(&stack.client).await);
    let health = stack.client.get("/api/v1/health").await.expect(200);
    assert_eq!(health.json()["status"], "degraded", "{health}");
    // Simulates the expiry of the mark.
    forget_mark(&stack).await;
    ready(&stack.client).await.problem(503, "unavailable");
    stack.resume_postgres();
    let is_back = async || ready(&stack.client).await.status == 200;
    eventually(Duration::from_secs(10), "readiness", is_back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_has_its_own_connection() {
    let stack = Stack::start().await;
    mark(&stack).await;
    let mut database = stack.database().await;
    let watcher = stack.database().await;
    let lock = database.transaction().await.unwrap();
    lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", &[])
        .await
        .unwrap();
    // More requests than the 64 connections of their component's pool.
    let stuck = (0..200).map(async |_| {
        let reply = stack.client.get(USERS).await;
        reply.problem(503, "unavailable");
    });
    let probe = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let all_wait = async || {
            let row = watcher.query_one(waiting, &[]).await.unwrap();
            row.get::<_, i64>(0) >= 4
        };
        eventually(Duration::from_secs(5), "statements that wait", all_wait).await;
        let reply = ready(&stack.client).await.expect(200);
        assert_eq!(reply.json()["status"], "ready", "{reply}");
    };
    futures::join!(join_all(stuck), probe);
    lock.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_at_its_connection_limit_is_busy() {
    let stack = Stack::start().await;
    mark(&stack).await;
    let database = stack.database().await;
    let limit = async |connections: i32| {
        let sql = format!("ALTER DATABASE roster CONNECTION LIMIT {connections}");
        database.batch_execute(&sql).await.unwrap();
    };
    limit(0).await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    database.batch_execute(others).await.unwrap();
    assert_busy(&ready(&stack.client).await);
    forget_mark(&stack).await;
    ready(&stack.client).await.problem(503, "unavailable");
    limit(-1).await;
    ready(&stack.client).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outdated_or_missing_schema_is_unready() {
    let stack = Stack::start().await;
    mark(&stack).await;
    let database = stack.database().await;
    for (undo, redo) in [
        (
            "UPDATE _sqlx_migrations SET version = -version",
            "UPDATE _sqlx_migrations SET version = -version",
        ),
        (
            "ALTER TABLE _sqlx_migrations RENAME TO elsewhere",
            "ALTER TABLE elsewhere RENAME TO _sqlx_migrations",
        ),
    ] {
        database.batch_execute(undo).await.unwrap();
        ready(&stack.client).await.problem(503, "unavailable");
        let health = stack.client.get("/api/v1/health").await.expect(200);
        assert_eq!(
            health.json()["checks"]["postgres"],
            "not migrated",
            "{undo}"
        );
        database.batch_execute(redo).await.unwrap();
        ready(&stack.client).await.expect(200);
    }
}

/// Invalid value per setting; readiness must name the setting.
const INVALID: &[(&str, &str)] = &[
    // All components.
    ("environment_name", "two words"),
    ("service_name", "a/b"),
    ("log_level", "deafening"),
    ("cors_allowed_origins", "*.example.com"),
    ("db_sslmode", "perhaps"),
    // Users component.
    ("require_if_match", "perhaps"),
    // Users and auth components.
    ("cursor_key", "guessable"),
    ("cache_ttl_seconds", "31"),
    ("jwt_secret", "guessable"),
    ("breach_check_url", "http://127.0.0.1:9/with/a/path"),
    // Auth component.
    ("access_token_minutes", "61"),
    ("registration_enabled", "perhaps"),
    ("bootstrap_admin_email", "nobody"),
    // Docs component.
    ("docs_enabled", "perhaps"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_setting_is_named_without_its_value() {
    let mut stack = Stack::start().await;
    ready(&stack.client).await.expect(200);
    for (name, value) in INVALID {
        let usual = stack.variable(name);
        // A host may fail to start at all if it reports the reason.
        if let Err(error) = stack.restart_host(&[(name, value)]) {
            let text = format!("{error:#}");
            assert!(
                text.contains(name) || text.contains(value),
                "{name}: {text}"
            );
        } else {
            let reply = ready(&stack.client).await;
            reply.problem(503, "unavailable");
            let text = reply.json()["detail"].to_string();
            assert!(text.contains(&format!("({name})")), "{name}: {reply}");
            assert!(!text.contains(value), "{name}: {reply}");
        }
        stack.restart_host(&[(name, &usual)]).expect("a host");
    }
    ready(&stack.client).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_invalid_settings_are_named() {
    let mut stack = Stack::start().await;
    let wrong = [("docs_enabled", "perhaps"), ("require_if_match", "perhaps")];
    stack.restart_host(&wrong).expect("a host");
    let reply = ready(&stack.client).await;
    let detail = reply.problem(503, "unavailable")["detail"].to_string();
    assert!(
        detail.contains("(docs_enabled, require_if_match)"),
        "{reply}"
    );
}

/// Returns the log lines that report the start of a component.
fn starts(stack: &Stack) -> Vec<Value> {
    let lines = stack.log_lines().into_iter();
    lines.filter(|line| line["message"] == "started").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_component_logs_its_startup_once() {
    let settings = [
        ("environment_name", "proving-ground"),
        ("service_name", "people"),
        ("registration_enabled", "false"),
        ("rate_limit_requests", "1000"),
    ];
    let stack = Stack::start_with(&settings).await;
    for _ in 0..5 {
        ready(&stack.client).await.expect(200);
    }
    let components = BTreeSet::from(Component::NAMES);
    let all = async || starts(&stack).len() >= components.len();
    eventually(Duration::from_secs(5), "a line per component", all).await;
    let lines = starts(&stack);
    assert_eq!(lines.len(), components.len(), "{lines:?}");
    let by_component: BTreeMap<_, _> = lines
        .iter()
        .map(|line| (line["component"].as_str().unwrap(), line))
        .collect();
    let names: BTreeSet<_> = by_component.keys().copied().collect();
    assert_eq!(names, components);
    for line in &lines {
        assert_eq!(line["environment"], "proving-ground");
        assert_eq!(line["service"], "people");
        assert_eq!(line["level"], "info");
        assert!(
            line["version"]
                .as_str()
                .is_some_and(|version| !version.is_empty())
        );
        let switches = line["switches"].as_object().expect("switches");
        assert!(switches.values().all(Value::is_boolean), "{line}");
    }
    let switch = |component: &str, name: &str| &by_component[component]["switches"][name];
    assert_eq!(switch("auth", "registration"), &json!(false));
    assert_eq!(switch("auth", "token_form"), &json!(true));
    assert_eq!(switch("users", "rate_limit"), &json!(true));
    assert_eq!(switch("docs", "docs"), &json!(true));
    let health = stack.client.get_json("/api/v1/health").await;
    assert_eq!(health["service"], "people");
    assert_eq!(health["environment"], "proving-ground");
    let requests = stack
        .log_lines()
        .into_iter()
        .filter(|line| line["route"].is_string());
    for line in requests {
        assert_eq!(line["environment"], "proving-ground", "{line}");
    }
}
