//! Sessions: listed for their user, and invalid from the next request after their end.

use std::time::Duration;

use blackbox::client::{ME, SESSIONS, user_path};
use blackbox::lists::items;
use blackbox::stack::{Stack, eventually};
use blackbox::{Client, PASSWORD, Person, Session};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const VERIFY: &str = "/api/v1/auth/verify";
const NEW_PASSWORD: &str = "copper 18 window lamb";

async fn listed(client: &Client) -> Vec<Value> {
    items(&client.get_json(SESSIONS).await)
}

async fn delete(client: &Client, path: &str) -> blackbox::Reply {
    client.call(Method::DELETE, path).await
}

async fn end(client: &Client, session: &str) -> blackbox::Reply {
    delete(client, &format!("{SESSIONS}/{session}")).await
}

/// Checks that both tokens of the session are rejected.
async fn assert_ended(session: &Session) {
    let me = session.client.get(ME).await;
    me.problem(401, "unauthenticated");
    let nobody = session.client.without_token();
    nobody.refresh_fails(&session.refresh_token).await;
}

fn first_session(person: &Person) -> Session {
    Session {
        client: person.client.clone(),
        refresh_token: person.refresh_token.clone(),
    }
}

#[tokio::test]
async fn users_list_their_sessions_with_the_current_one_marked() {
    let admin = Client::from_env().await;
    let [ada, bob] = Person::create_two(&admin).await;
    let second = ada.sign_in().await;
    let reply = second.client.get(SESSIONS).await.expect(200);
    assert!(reply.json()["next"].is_null(), "{reply}");
    let sessions = items(&reply.json());
    let mut ids: Vec<_> = sessions
        .iter()
        .map(|s| s["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    let mut expected = vec![ada.session_id(), second.id()];
    expected.sort();
    assert_eq!(ids, expected);
    for session in &sessions {
        assert_eq!(session.as_object().unwrap().len(), 5, "{reply}");
        assert_eq!(
            session["current"],
            json!(session["id"] == second.id()),
            "{reply}"
        );
        let time = |name: &str| {
            let text = session[name].as_str().unwrap();
            OffsetDateTime::parse(text, &Rfc3339).unwrap()
        };
        assert!(time("created_at") <= time("last_used_at"), "{reply}");
        let left = time("expires_at") - OffsetDateTime::now_utc();
        assert!((6..=30).contains(&left.whole_days()), "{reply}");
    }
    let text = String::from_utf8_lossy(&reply.body);
    assert!(
        !text.contains(&ada.refresh_token) && !text.contains("hash"),
        "{reply}"
    );
    assert_eq!(listed(&bob.client).await.len(), 1);
}

#[tokio::test]
async fn only_its_user_can_end_a_session() {
    let admin = Client::from_env().await;
    let [ada, bob] = Person::create_two(&admin).await;
    let second = ada.sign_in().await;
    for client in [&bob.client, &admin] {
        end(client, &second.id()).await.problem(404, "not_found");
    }
    second.client.get(ME).await.expect(200);
    end(&ada.client, &second.id()).await.expect(204);
    assert_ended(&second).await;
    end(&ada.client, &second.id())
        .await
        .problem(404, "not_found");
    for nothing in ["nonsense", "%00", &uuid::Uuid::now_v7().to_string()] {
        end(&ada.client, nothing).await.problem(404, "not_found");
    }
    assert_eq!(listed(&ada.client).await.len(), 1);
    // A user may also end the current session.
    end(&ada.client, &ada.session_id()).await.expect(204);
    assert_ended(&first_session(&ada)).await;
}

#[tokio::test]
async fn verify_names_the_user_and_the_session_of_a_valid_token() {
    let ada = Person::create(&Client::from_env().await).await;
    let second = ada.sign_in().await;
    for (client, session) in [
        (&ada.client, ada.session_id()),
        (&second.client, second.id()),
    ] {
        let reply = client.get(VERIFY).await.expect(200);
        reply.assert_header("x-user-id", &ada.id);
        reply.assert_header("x-user-role", "user");
        reply.assert_header("x-session-id", &session);
        reply.assert_header("cache-control", "no-store");
        reply.assert_header("content-length", "0");
        // A proxy sends one such request for each of its own.
        assert_eq!(reply.header("ratelimit"), None, "{reply}");
    }
    ada.client.logout().await.expect(204);
    let reply = ada.client.get(VERIFY).await;
    reply.problem(401, "unauthenticated");
    assert_eq!(reply.header("x-user-id"), None, "{reply}");
}

#[tokio::test]
async fn logout_ends_one_session_and_logout_all_ends_all() {
    let ada = Person::create(&Client::from_env().await).await;
    let (second, third) = (ada.sign_in().await, ada.sign_in().await);
    let post = async |client: &Client, path: &str| client.call(Method::POST, path).await;
    let out = post(&second.client, "/api/v1/auth/logout")
        .await
        .expect(204);
    assert!(out.body.is_empty());
    assert_ended(&second).await;
    let again = post(&second.client, "/api/v1/auth/logout").await;
    again.problem(401, "unauthenticated");
    for client in [&ada.client, &third.client] {
        client.get(ME).await.expect(200);
    }
    post(&third.client, "/api/v1/auth/logout-all")
        .await
        .expect(204);
    for session in [&first_session(&ada), &third] {
        assert_ended(session).await;
    }
    ada.sign_in().await.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn an_administrator_ends_all_sessions_of_a_user() {
    let admin = Client::from_env().await;
    let [ada, bob] = Person::create_two(&admin).await;
    let second = ada.sign_in().await;
    let sessions = format!("{}/sessions", user_path(&ada.id));
    for client in [&bob.client, &ada.client] {
        delete(client, &sessions).await.problem(403, "forbidden");
    }
    delete(&admin, &sessions).await.expect(204);
    for session in [&first_session(&ada), &second] {
        assert_ended(session).await;
    }
    bob.client.get(ME).await.expect(200);
    ada.sign_in().await.client.get(ME).await.expect(200);
    let nobody = format!("{}/sessions", user_path(&uuid::Uuid::now_v7().to_string()));
    delete(&admin, &nobody).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_password_change_ends_only_other_sessions() {
    let ada = Person::create(&Client::from_env().await).await;
    let second = ada.sign_in().await;
    second
        .client
        .change_password(PASSWORD, NEW_PASSWORD)
        .await
        .expect(204);
    assert_ended(&first_session(&ada)).await;
    second.client.get(ME).await.expect(200);
    assert_eq!(listed(&second.client).await.len(), 1);
    let nobody = second.client.without_token();
    let kept = Session::refreshed(&nobody, &second.refresh_token).await;
    kept.client.get(ME).await.expect(200);
    nobody.login_fails(&ada.email, PASSWORD).await;
    nobody.login(&ada.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_demotion_applies_to_the_next_request() {
    let admin = Client::from_env().await;
    let ada = Person::create_admin(&admin).await;
    for _ in 0..2 {
        ada.client.list(&[("limit", "1")]).await.expect(200);
    }
    let (role, password) = (json!({ "role": "user" }), Client::admin_password());
    let demoted = admin.patch_admin(&ada.id, &role, &password).await;
    demoted.expect(200);
    ada.client
        .list(&[("limit", "1")])
        .await
        .problem(403, "forbidden");
    assert_eq!(ada.client.get_json(ME).await["role"], "user");
    admin
        .patch(&ada.id, &json!({ "role": "admin" }))
        .await
        .expect(200);
    ada.client.list(&[("limit", "1")]).await.expect(200);
}

/// Repeats the cases above in a row, with `between` before each check.
async fn check_endings_persist(admin: &Client, between: impl AsyncFn()) {
    let ada = Person::create(admin).await;
    let (second, third) = (ada.sign_in().await, ada.sign_in().await);
    for session in [&first_session(&ada), &second, &third] {
        session.client.get(ME).await.expect(200);
    }
    end(&ada.client, &second.id()).await.expect(204);
    between().await;
    assert_ended(&second).await;
    third.client.logout().await.expect(204);
    between().await;
    assert_ended(&third).await;
    ada.client.get(ME).await.expect(200);

    let fourth = ada.sign_in().await;
    fourth.client.get(ME).await.expect(200);
    fourth
        .client
        .change_password(PASSWORD, NEW_PASSWORD)
        .await
        .expect(204);
    between().await;
    assert_ended(&first_session(&ada)).await;
    fourth.client.get(ME).await.expect(200);
    delete(admin, &format!("{}/sessions", user_path(&ada.id)))
        .await
        .expect(204);
    between().await;
    assert_ended(&fourth).await;

    let bob = Person::create(admin).await;
    bob.client.get(ME).await.expect(200);
    admin.deactivate(&bob.id).await;
    between().await;
    assert_ended(&first_session(&bob)).await;
    let eve = Person::create(admin).await;
    eve.client.get(ME).await.expect(200);
    admin.delete(&eve.id).await.expect(204);
    between().await;
    assert_ended(&first_session(&eve)).await;
}

#[tokio::test]
async fn sessions_are_paginated_newest_first() {
    let ada = Person::create(&Client::from_env().await).await;
    for _ in 0..4 {
        ada.sign_in().await;
    }
    let (mut ids, mut path) = (Vec::new(), format!("{SESSIONS}?limit=2&include_total=true"));
    for left in [2, 1, 0] {
        let reply = ada.client.get(&path).await.expect(200);
        let page = reply.json();
        assert_eq!(page["total"], 5, "{reply}");
        ids.extend(
            items(&page)
                .iter()
                .map(|s| s["id"].as_str().unwrap().to_owned()),
        );
        assert_eq!(reply.header("link").is_some(), left > 0, "{reply}");
        let next = page["next"].as_str().unwrap_or_default();
        assert_eq!(next.is_empty(), left == 0, "{reply}");
        path = format!("{SESSIONS}?limit=2&include_total=true&cursor={next}");
    }
    let mut expected: Vec<_> = listed(&ada.client).await;
    let newest = expected.iter().map(|s| s["created_at"].to_string());
    assert!(newest.is_sorted_by(|one, two| one >= two));
    assert_eq!(ids.len(), 5);
    let expected: Vec<_> = expected.drain(..).map(|s| s["id"].clone()).collect();
    assert_eq!(json!(ids), json!(expected));
    for wrong in ["limit=0", "sort=email", "cursor=AAAA", "page=2"] {
        let reply = ada.client.get(&format!("{SESSIONS}?{wrong}")).await;
        reply.problem(422, "invalid");
    }
}

/// Waits until a statement of the app waits for a lock.
async fn a_statement_waits(database: &tokio_postgres::Client) {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock' AND usename = 'roster')";
    eventually(
        Duration::from_secs(2),
        "a statement that waits",
        async || database.query_one(sql, &[]).await.unwrap().get(0),
    )
    .await;
}

/// Waits until no statement of the app runs.
async fn wait_until_idle(database: &tokio_postgres::Client) {
    let sql = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity \
         WHERE state = 'active' AND usename = 'roster' AND pid <> pg_backend_pid())";
    eventually(
        Duration::from_secs(5),
        "the end of the statement",
        async || database.query_one(sql, &[]).await.unwrap().get(0),
    )
    .await;
}

/// Sends a request that ends Ada's session while her row in `table` is locked for longer than the app
/// waits, and lets it commit after its 503.
async fn check_revocation_after_503(
    stack: &Stack,
    table: &str,
    request: impl Fn(&Person) -> reqwest::RequestBuilder,
) {
    let ada = Person::create(&stack.client).await;
    ada.client.get(ME).await.expect(200);
    let (mut locker, watcher) = (stack.database().await, stack.database().await);
    let lock = locker.transaction().await.unwrap();
    let column = if table == "users" { "id" } else { "user_id" };
    let sql = format!("SELECT FROM {table} WHERE {column} = $1::text::uuid FOR UPDATE");
    lock.execute(&sql, &[&ada.id]).await.unwrap();
    let send = ada.client.send(request(&ada));
    let (reply, ()) = tokio::join!(send, a_statement_waits(&watcher));
    reply.problem(503, "unavailable");
    // This read comes before the commit: its result must not be cached.
    ada.client.get(ME).await.expect(200);
    lock.rollback().await.unwrap();
    wait_until_idle(&watcher).await;
    ada.client.get(ME).await.problem(401, "unauthenticated");
    let again = ada.client.send(request(&ada)).await;
    again.expect_any(&[200, 204, 401, 404]);
    ada.client.get(ME).await.problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_committed_after_its_503_applies_immediately() {
    let stack = Stack::start().await;
    let post = |path: &'static str| move |ada: &Person| ada.client.request(Method::POST, path);
    check_revocation_after_503(&stack, "sessions", post("/api/v1/auth/logout")).await;
    check_revocation_after_503(&stack, "users", post("/api/v1/auth/logout-all")).await;
    check_revocation_after_503(&stack, "sessions", |ada| {
        let path = format!("{SESSIONS}/{}", ada.session_id());
        ada.client.request(Method::DELETE, &path)
    })
    .await;
    let admin = stack.client.clone();
    check_revocation_after_503(&stack, "users", |ada| {
        admin.request(Method::DELETE, &format!("{}/sessions", user_path(&ada.id)))
    })
    .await;
    check_revocation_after_503(&stack, "users", |ada| {
        admin.patch_request(&ada.id, &json!({ "is_active": false }))
    })
    .await;
    check_revocation_after_503(&stack, "users", |ada| {
        admin.request(Method::DELETE, &user_path(&ada.id))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_sessions_stay_revoked_after_a_redis_flush() {
    let stack = Stack::start().await;
    check_endings_persist(&stack.client, async || stack.flush_redis().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revocations_apply_immediately_without_redis() {
    let mut stack = Stack::start().await;
    stack.stop_redis();
    check_endings_persist(&stack.client, async || ()).await;
    stack.start_redis();
    check_endings_persist(&stack.client, async || ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_get_503_without_both_stores() {
    let mut stack = Stack::start().await;
    let ada = Person::create(&stack.client).await;
    ada.client.get(ME).await.expect(200);
    stack.stop_redis();
    stack.stop_postgres();
    let reply = ada.client.get(ME).await;
    reply.problem(503, "unavailable");
    reply.retry_after(1, 10);
    stack.start_postgres();
    eventually(Duration::from_secs(5), "an answer", async || {
        ada.client.get(ME).await.expect_any(&[200, 503]).status == 200
    })
    .await;
}
