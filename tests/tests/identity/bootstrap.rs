//! First administrator and secrets: valid settings, and settings with which the app does not start.

use std::time::Duration;

use blackbox::client::{LOGIN, ME, USERS, access_token};
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack, eventually};
use blackbox::{Client, PASSWORD, Person};
use reqwest::Method;
use serde_json::json;

async fn sign_in(nobody: &Client) -> Client {
    let reply = nobody.login(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(200);
    nobody.with_token(&access_token(&reply))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_admin_is_created_once_with_its_password() {
    let mut stack = Stack::start_signed_out(&[]).await.expect("a stack");
    let nobody = stack.client.clone();
    nobody.login_fails(ADMIN_EMAIL, "not the password").await;
    let both = futures::future::join_all((0..4).map(|_| sign_in(&nobody))).await;
    let me = both[0].get_json(ME).await;
    assert_eq!(me["email"], ADMIN_EMAIL);
    assert_eq!(me["role"], "admin");
    for client in &both {
        assert_eq!(client.get_json(ME).await["id"], me["id"]);
    }
    let users = both[0].list_json(&[]).await;
    assert_eq!(users["items"].as_array().map(Vec::len), Some(1));

    // A leftover configuration is no second way in: the stored password applies.
    let change = both[0].change_password(ADMIN_PASSWORD, PASSWORD);
    change.await.expect(204);
    for restart in 0..2 {
        stack
            .anonymous()
            .login_fails(ADMIN_EMAIL, ADMIN_PASSWORD)
            .await;
        if restart == 0 {
            stack.restart_host(&[]).expect("a host");
        }
    }
    stack
        .anonymous()
        .login(ADMIN_EMAIL, PASSWORD)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_first_admin_is_not_recreated() {
    let mut stack = Stack::start().await;
    let first = stack.client.get_json(ME).await;
    let id = first["id"].as_str().unwrap();
    stack.client = Person::create_admin(&stack.client).await.client;
    for change in [
        json!({ "role": "user" }),
        json!({ "role": "admin", "is_active": false }),
    ] {
        let changed = stack.client.patch_admin(id, &change, PASSWORD).await;
        changed.expect(200);
        stack.restart_host(&[]).expect("a host");
        let reply = stack.anonymous().login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        let is_active = change["is_active"] != false;
        assert_eq!(reply.status, if is_active { 200 } else { 401 }, "{reply}");
        let user = stack.client.user(id).await.expect(200).json();
        let state = (&user["role"], &user["is_active"]);
        assert_eq!(state, (&change["role"], &json!(is_active)));
    }
    let deleted = stack.client.delete_admin(id, PASSWORD).await;
    deleted.expect(204);
    stack.restart_host(&[]).expect("a host");
    stack
        .anonymous()
        .login_fails(ADMIN_EMAIL, ADMIN_PASSWORD)
        .await;
    // Same if no user is left at all.
    let database = stack.database().await;
    let all = "ALTER TABLE users DISABLE TRIGGER USER; DELETE FROM users; \
         ALTER TABLE users ENABLE TRIGGER USER";
    database.batch_execute(all).await.unwrap();
    stack.flush_redis().await;
    stack
        .anonymous()
        .login_fails(ADMIN_EMAIL, ADMIN_PASSWORD)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_user_exists_without_a_first_admin() {
    let none = [
        ("bootstrap_admin_email", ""),
        ("bootstrap_admin_password", ""),
    ];
    let stack = Stack::start_signed_out(&none).await.expect("a stack");
    let nobody = stack.anonymous();
    for (email, password) in [
        (ADMIN_EMAIL, ADMIN_PASSWORD),
        ("admin@example.com", "admin"),
        ("admin@example.com", "password"),
        ("admin@localhost.localdomain", ""),
    ] {
        nobody.login_fails(email, password).await;
    }
    let sql = "SELECT count(*) FROM users";
    let users: i64 = stack
        .database()
        .await
        .query_one(sql, &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(users, 0);
}

/// Configurations with which the app must not serve, by the variable that the message must name.
const WRONG: [(&str, &str); 33] = [
    ("jwt_secret", ""),
    ("jwt_secret", "short"),
    ("jwt_secret", "1234567890123456789012345678901"),
    (
        "jwt_secret",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    ("jwt_secret", "change-me-change-me-change-me-change-me-now"),
    ("jwt_secret", "your-256-bit-secret-your-256-bit-secret"),
    ("jwt_secret_previous", "short"),
    ("jwt_secret_next", "short"),
    ("jwt_algorithm", "none"),
    ("jwt_algorithm", "RS256"),
    ("bootstrap_admin_password", ""),
    ("bootstrap_admin_password", "short12"),
    ("bootstrap_admin_password", "password1"),
    ("bootstrap_admin_password", "qwertyuiop"),
    ("bootstrap_admin_password", "elevenchars"),
    ("bootstrap_admin_password", "replace-me"),
    ("bootstrap_admin_password", "please-replace-me"),
    ("bootstrap_admin_email", "nonsense"),
    ("max_sessions", "0"),
    ("session_idle_days", "0"),
    ("session_idle_days", "31"),
    ("session_absolute_days", "366"),
    ("refresh_grace_seconds", "61"),
    ("hash_slots", "0"),
    ("hash_slots", "many"),
    ("login_attempts_per_account", "0"),
    ("login_attempts_per_ip", "-1"),
    ("login_delay_seconds", "soon"),
    ("rate_limit_requests", "-1"),
    ("rate_limit_window_seconds", "0"),
    ("trusted_proxy_hops", "one"),
    ("registration_enabled", "maybe"),
    ("token_form_enabled", "1"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_secret_or_limit_prevents_startup_and_is_named() {
    let mut stack = Stack::start().await;
    for (name, value) in WRONG {
        let usual = stack.variable(name);
        match stack.restart_host(&[(name, value)]) {
            // A host may fail to start at all if it reports the reason.
            Err(error) => assert!(format!("{error:#}").contains(name), "{name}: {error:#}"),
            Ok(()) => assert_not_serving(&stack, name, value).await,
        }
        stack.restart_host(&[(name, &usual)]).expect("a host");
    }
    stack.client.get(USERS).await.expect(200);
}

async fn assert_not_serving(stack: &Stack, name: &str, value: &str) {
    let nobody = stack.anonymous();
    let body = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD });
    let login = nobody
        .try_send(nobody.request(Method::POST, LOGIN).json(&body))
        .await;
    let reply = login.unwrap();
    assert!(matches!(reply.status, 500 | 503), "{name}={value}: {reply}");
    reply.any_problem();
    let named = async || {
        let said = |line: &&str| line.contains(&format!("variable {name}:"));
        stack.log().lines().filter(said).count() > 0
    };
    eventually(
        Duration::from_secs(5),
        &format!("{name}={value} in the log"),
        named,
    )
    .await;
    if value.len() > 6 {
        assert!(
            !stack.log().contains(value),
            "the value of {name} is in the log"
        );
    }
}
