//! Service accounts: their keys, scopes, revocation and traces, and introspection.

use std::time::Duration;

use blackbox::client::{ME, USERS, id, user_path};
use blackbox::database::shared_database;
use blackbox::service_account::{SCOPES, SERVICE_ACCOUNTS, ServiceAccount, create_key};
use blackbox::stack::{DEFAULT_LIMITS, Stack, eventually};
use blackbox::{Client, Person, Reply, new_user, new_user_with, unique};
use reqwest::Method;
use serde_json::{Value, json};

const INTROSPECT: &str = "/api/v1/auth/introspect";
const LIMIT: Duration = Duration::from_secs(10);

async fn patch(admin: &Client, account: &ServiceAccount, patch: &Value) -> Reply {
    let request = admin.request(Method::PATCH, &account.path());
    let request = request.header("content-type", "application/merge-patch+json");
    admin.send(request.body(patch.to_string())).await
}

#[tokio::test]
async fn an_account_is_created_changed_and_deleted() {
    let admin = Client::from_env().await;
    let name = unique();
    let body = json!({ "name": name, "scopes": ["users:write", "users:read", "users:read"] });
    let created = admin.post(SERVICE_ACCOUNTS, &body).await.expect(201);
    let account = created.json();
    let path = format!("{SERVICE_ACCOUNTS}/{}", id(&account));
    created.assert_header("location", &path);
    assert_eq!(created.etag(), "\"v1\"");
    assert_eq!(account["scopes"], json!(["users:read", "users:write"]));
    assert_eq!(
        (&account["keys"], &account["is_active"]),
        (&json!([]), &json!(true))
    );
    assert_eq!(admin.get_json(&path).await, account);
    admin
        .post(SERVICE_ACCOUNTS, &body)
        .await
        .problem(409, "name_taken");
    for (bad, field) in [
        (json!({ "name": "A b", "scopes": ["import"] }), "name"),
        (json!({ "name": unique(), "scopes": [] }), "scopes"),
        (json!({ "name": unique(), "scopes": ["root"] }), "scopes"),
    ] {
        admin.post(SERVICE_ACCOUNTS, &bad).await.invalid(field);
    }

    let list = format!("{SERVICE_ACCOUNTS}?limit=1&include_total=true");
    let list = admin.get_json(&list).await;
    assert!(list["total"].as_i64().unwrap() >= 1, "{list}");

    let change = async |body: Value, condition: &str| {
        let request = admin
            .request(Method::PATCH, &path)
            .header("if-match", condition);
        admin.send(request.json(&body)).await
    };
    let scopes = json!({ "scopes": ["audit:read"] });
    let changed = change(scopes.clone(), "\"v1\"").await.expect(200);
    assert_eq!(changed.json()["scopes"], json!(["audit:read"]));
    assert_eq!(changed.etag(), "\"v2\"");
    change(scopes.clone(), "\"v1\"")
        .await
        .problem(412, "precondition_failed");
    assert_eq!(change(scopes, "*").await.expect(200).etag(), "\"v2\"");
    let taken = ServiceAccount::create(&admin, &["import"]).await;
    let taken = admin.get_json(&taken.path()).await["name"].clone();
    change(json!({ "name": taken }), "*")
        .await
        .problem(409, "name_taken");
    admin.call(Method::DELETE, &path).await.expect(204);
    admin
        .call(Method::DELETE, &path)
        .await
        .problem(404, "not_found");
    change(json!({ "is_active": false }), "*")
        .await
        .problem(404, "not_found");
    admin.get(&path).await.problem(404, "not_found");
    let events = format!("/api/v1/audit?target_id={}&sort=created_at", id(&account));
    let events = admin.get_json(&events).await;
    let actions: Vec<_> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["action"])
        .collect();
    let all =
        ["created", "changed", "deleted"].map(|verb| json!(format!("service_account_{verb}")));
    assert!(actions.into_iter().eq(&all), "{events}");
}

#[tokio::test]
async fn two_keys_are_valid_at_a_time() {
    let admin = Client::from_env().await;
    let account = ServiceAccount::create(&admin, &["users:read"]).await;
    let second = create_key(&admin, &account.id, &json!({ "expires_in_days": 730 })).await;
    let keys = format!("{}/keys", account.path());
    admin
        .post(&keys, &json!({}))
        .await
        .problem(409, "too_many_keys");
    for days in [0, 731] {
        let body = json!({ "expires_in_days": days });
        admin.post(&keys, &body).await.invalid("expires_in_days");
    }
    let second = admin.with_token(second["key"].as_str().unwrap());
    account.client.list(&[]).await.expect(200);
    second.list(&[]).await.expect(200);
    admin
        .call(Method::DELETE, &account.key_path())
        .await
        .expect(204);
    account
        .client
        .list(&[])
        .await
        .problem(401, "unauthenticated");
    second.list(&[]).await.expect(200);
    let gone = admin.call(Method::DELETE, &account.key_path()).await;
    gone.problem(404, "not_found");
    create_key(&admin, &account.id, &json!({})).await;
    let missing = format!("{SERVICE_ACCOUNTS}/{}/keys", uuid::Uuid::new_v4());
    admin
        .post(&missing, &json!({}))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn every_change_applies_to_the_next_request() {
    let admin = Client::from_env().await;
    let account = ServiceAccount::create(&admin, &["users:read"]).await;
    account.client.list(&[]).await.expect(200);
    let scopes = |scope: &str| json!({ "scopes": [scope] });
    for _ in 0..3 {
        patch(&admin, &account, &scopes("import")).await.expect(200);
        let refused = account.client.list(&[]).await;
        refused.problem(403, "insufficient_scope");
        patch(&admin, &account, &scopes("users:read"))
            .await
            .expect(200);
        account.client.list(&[]).await.expect(200);
        let active = |is_active: bool| json!({ "is_active": is_active });
        patch(&admin, &account, &active(false)).await.expect(200);
        let refused = account.client.list(&[]).await;
        refused.problem(401, "unauthenticated");
        refused.assert_header("www-authenticate", "Bearer error=\"invalid_token\"");
        patch(&admin, &account, &active(true)).await.expect(200);
        account.client.list(&[]).await.expect(200);
    }
    admin
        .call(Method::DELETE, &account.path())
        .await
        .expect(204);
    account
        .client
        .list(&[])
        .await
        .problem(401, "unauthenticated");
}

#[tokio::test]
async fn changes_of_a_service_account_name_it_in_the_audit_trail() {
    let admin = Client::from_env().await;
    let account = ServiceAccount::create(&admin, &SCOPES).await;
    let user = account.client.created(&new_user()).await;
    let user = id(&user);
    account
        .client
        .rename(user, "Another Name")
        .await
        .expect(200);
    let sessions = format!("{}/sessions", user_path(user));
    account
        .client
        .call(Method::DELETE, &sessions)
        .await
        .expect(204);
    account.client.delete(user).await.expect(204);
    let events = format!("/api/v1/audit?actor_id={}&sort=created_at", account.id);
    let events = account.client.get_json(&events).await;
    let events = events["items"].as_array().unwrap();
    let actions: Vec<_> = events.iter().map(|event| &event["action"]).collect();
    let all = [
        "user_created",
        "name_changed",
        "sessions_ended",
        "user_deleted",
    ];
    assert_eq!(actions, all);
    assert!(events.iter().all(|event| event["target_id"] == user));
}

#[tokio::test]
async fn service_accounts_cannot_make_or_change_admins() {
    let admin = Client::from_env().await;
    let account = ServiceAccount::create(&admin, &SCOPES).await.client;
    let body = new_user_with("role", "admin");
    account.create(&body).await.problem(403, "users_only");
    let user = account.created(&new_user()).await;
    let promoted = account.patch(id(&user), &json!({ "role": "admin" })).await;
    promoted.problem(403, "users_only");
    let import = account.request(Method::POST, "/api/v1/users/import");
    let report = account
        .send(import.json(&json!([body])))
        .await
        .expect(200)
        .json();
    assert_eq!(report["rejected"], 1, "{report}");
    assert_eq!(report["results"][0]["errors"][0]["pointer"], "#/role");

    let other = Person::create_admin(&admin).await;
    for change in [
        json!({ "is_active": false }),
        json!({ "full_name": "N" }),
        json!({ "role": "user" }),
        json!({ "email": format!("{}@example.com", unique()) }),
    ] {
        account
            .patch(&other.id, &change)
            .await
            .invalid("current_password");
    }
    account.delete(&other.id).await.invalid("current_password");
    let with_password = json!({ "full_name": "N", "current_password": "any password" });
    account
        .patch(&other.id, &with_password)
        .await
        .invalid("current_password");
    let hashes = account
        .get("/api/v1/users/export?password_hashes=true")
        .await;
    hashes.problem(403, "users_only");
    other.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_key_is_shown_once_and_stored_as_a_hash() {
    let admin = Client::from_env().await;
    let account = ServiceAccount::create(&admin, &["users:read"]).await;
    let key = account.client.token().to_owned();
    let shown = admin.get(&account.path()).await.expect(200);
    assert!(!shown.json().to_string().contains(&key[40..]), "{shown}");
    assert_eq!(shown.json()["keys"][0]["last_used_on"], Value::Null);
    let database = shared_database().await;
    let sql = "SELECT keys::text FROM service_accounts WHERE id = $1::text::uuid";
    let stored: String = database
        .query_one(sql, &[&account.id])
        .await
        .unwrap()
        .get(0);
    assert!(!stored.contains(&key[40..100]), "{stored}");

    account.client.list(&[]).await.expect(200);
    let is_recorded = async || {
        let day = &admin.get_json(&account.path()).await["keys"][0]["last_used_on"];
        day.as_str().is_some_and(|day| day.len() == 10)
    };
    eventually(LIMIT, "the day of the last use", is_recorded).await;
    let version = admin.get_json(&account.path()).await["version"].clone();
    assert_eq!(version, 2, "a use is no change");
}

#[tokio::test]
async fn other_keys_are_rejected() {
    let admin = Client::from_env().await;
    let account = ServiceAccount::create(&admin, &["users:read"]).await;
    let another = ServiceAccount::create(&admin, &["users:read"]).await;
    let key = account.client.token().to_owned();
    let mut mixed = key.clone();
    // The secret of one account under the id of another: the checksum fails.
    mixed.replace_range(4..36, &another.client.token()[4..36]);
    for bad in [
        "rsk_",
        &key[..107],
        &key.to_uppercase(),
        &mixed,
        &format!("{key}0"),
    ] {
        let refused = admin.with_token(bad).list(&[]).await;
        refused.problem(401, "unauthenticated");
    }
    account.client.list(&[]).await.expect(200);
}

#[tokio::test]
async fn introspection_detects_ended_sessions_and_deleted_keys() {
    let admin = Client::from_env().await;
    let service = ServiceAccount::create(&admin, &["tokens:introspect"]).await;
    let ada = Person::create(&admin).await;
    let state = service.client.introspect(ada.client.token()).await;
    assert_eq!(state["active"], true);
    let email = ada.email.as_str();
    assert_eq!(
        (&state["sub"], &state["username"]),
        (&json!(ada.id), &json!(email))
    );
    assert_eq!(
        (&state["role"], &state["sid"]),
        (&json!("user"), &json!(ada.session_id()))
    );
    let lifetime = state["exp"].as_u64().unwrap() - state["iat"].as_u64().unwrap();
    assert!((60..=3_600).contains(&lifetime), "{state}");
    let token = ada.client.token().to_owned();
    ada.client.logout().await.expect(204);
    let inactive = json!({ "active": false });
    assert_eq!(service.client.introspect(&token).await, inactive);
    for other in ["x", "", "a.b.c"] {
        assert_eq!(service.client.introspect(other).await, inactive, "{other}");
    }

    let other = ServiceAccount::create(&admin, &["import", "users:read"]).await;
    let key = other.client.token().to_owned();
    let state = service.client.introspect(&key).await;
    assert_eq!(
        (&state["active"], &state["sub"]),
        (&json!(true), &json!(other.id))
    );
    assert_eq!(state["scope"], "import users:read");
    admin
        .call(Method::DELETE, &other.key_path())
        .await
        .expect(204);
    assert_eq!(service.client.introspect(&key).await, inactive);

    let request = service.client.request(Method::POST, INTROSPECT);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    service
        .client
        .send(request.body("a=b"))
        .await
        .problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_valid_keys_count_against_their_account() {
    let limits = [
        ("rate_limit_requests", "20"),
        ("rate_limit_window_seconds", "600"),
    ];
    let stack = Stack::start_with(&[DEFAULT_LIMITS, &limits].concat()).await;
    let admin = &stack.client;
    let account = ServiceAccount::create(admin, &["users:read", "tokens:introspect"]).await;
    let other = ServiceAccount::create(admin, &["users:read"]).await;
    // The first request of a key counts against the address: its account is not cached yet.
    account.client.list(&[]).await.expect(200);
    let forged = forge(account.client.token());
    let forged = admin.with_token(&forged);
    let mut refused = 0;
    for path in [USERS, "/api/v1/auth/verify"] {
        for _ in 0..20 {
            let reply = forged.get(path).await.expect_any(&[401, 429]);
            refused += usize::from(reply.status == 429);
        }
    }
    assert!((20..40).contains(&refused), "{refused}");
    let second = create_key(admin, &account.id, &json!({})).await;
    let second = admin.with_token(second["key"].as_str().unwrap());
    let mut passed = 0;
    while passed < 40 && account.client.list(&[]).await.status == 200 {
        passed += 1;
    }
    assert!((15..=21).contains(&passed), "{passed}");
    second.list(&[]).await.problem(429, "rate_limited");
    let token = admin.token().to_owned();
    for _ in 0..30 {
        assert_eq!(account.client.introspect(&token).await["active"], true);
    }
    drop(other);
}

/// Returns a well-formed key of the same account with another secret.
fn forge(key: &str) -> String {
    use sha2::{Digest, Sha256};
    let body = format!("{}{}", &key[..36], "0".repeat(64));
    let sum = Sha256::digest(&body);
    let sum: String = sum
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{body}{sum}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_work_without_redis_and_are_refused_without_postgres() {
    let mut stack = Stack::start().await;
    let admin = stack.client.clone();
    let account = ServiceAccount::create(&admin, &["users:read"]).await;
    stack.stop_redis();
    account.client.list(&[]).await.expect(200);
    admin
        .call(Method::DELETE, &account.key_path())
        .await
        .expect(204);
    account
        .client
        .list(&[])
        .await
        .problem(401, "unauthenticated");
    stack.start_redis();
    account
        .client
        .list(&[])
        .await
        .problem(401, "unauthenticated");
}
