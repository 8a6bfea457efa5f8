//! Redis stops, freezes, loses data or returns wrong data: only speed changes, no response.

use std::time::{Duration, Instant};

use blackbox::client::{Client, id, user_path};
use blackbox::stack::{Stack, eventually};
use blackbox::{new_user, unique};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// Time limit for updating a restarted Redis with the changes that it missed.
const CATCH_UP: Duration = Duration::from_millis(500);

/// Calls every operation of the users resource and checks the responses, which must not depend on Redis.
async fn check_every_call(client: &Client) {
    let body = new_user();
    let user = client.created(&body).await;
    assert_eq!(client.user(id(&user)).await.expect(200).json(), user);
    client
        .get_with(&user_path(id(&user)), "if-none-match", "\"v1\"")
        .await
        .expect(304);
    client.create(&body).await.problem(409, "email_taken");
    let patch = json!({ "full_name": unique() });
    let patched = client
        .patch_if(id(&user), &patch, "\"v1\"")
        .await
        .expect(200)
        .json();
    client
        .patch_if(id(&user), &patch, "\"v1\"")
        .await
        .problem(412, "precondition_failed");
    assert_eq!(client.user(id(&user)).await.expect(200).json(), patched);
    let found = client
        .list(&[("q", patch["full_name"].as_str().unwrap())])
        .await
        .expect(200);
    assert_eq!(found.json()["items"], json!([patched]));
    client.delete(id(&user)).await.expect(204);
    client.user(id(&user)).await.problem(404, "not_found");
}

/// Reads until Redis has an entry of the user; at most 5 s.
async fn becomes_cached(stack: &Stack, user: &Value) {
    eventually(Duration::from_secs(5), "an entry in Redis", async || {
        stack.client.user(id(user)).await.expect(200);
        stack
            .cached(id(user))
            .await
            .is_some_and(|entry| !entry.ends_with(':'))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_cached_for_30_seconds_without_secrets() {
    let stack = Stack::start().await;
    let mut body = new_user();
    body["password"] = json!("correct horse battery");
    let user = stack.client.created(&body).await;
    becomes_cached(&stack, &user).await;
    let entry = stack.cached(id(&user)).await.unwrap();
    let (version, cached) = entry.split_once(':').unwrap();
    assert_eq!(version, "1");
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    assert!(cached.bytes().all(is_base64), "sealed: {entry}");
    let mut redis = stack.redis_connection().await;
    let ttl: i64 = redis::cmd("PTTL")
        .arg(format!("roster:user:{}", id(&user)))
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!((1..=30_000).contains(&ttl), "{ttl} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_works_without_redis_and_caching_resumes() {
    let mut stack = Stack::start().await;
    let user = stack.client.created(&new_user()).await;
    becomes_cached(&stack, &user).await;
    stack.stop_redis();
    assert_eq!(stack.client.user(id(&user)).await.expect(200).json(), user);
    check_every_call(&stack.client).await;
    let ready = stack.client.get("/api/v1/health/ready").await.expect(200);
    assert_eq!(ready.json()["status"], "degraded", "{ready}");

    stack.start_redis();
    becomes_cached(&stack, &user).await;
    check_every_call(&stack.client).await;
    eventually(
        Duration::from_secs(5),
        "ready and not degraded",
        async || {
            stack
                .client
                .get("/api/v1/health/ready")
                .await
                .expect(200)
                .json()["status"]
                != "degraded"
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_redis_outage_are_visible_after_recovery() {
    let mut stack = Stack::start().await;
    let client = stack.client.clone();
    let (changed, gone) = (
        client.created(&new_user()).await,
        client.created(&new_user()).await,
    );
    becomes_cached(&stack, &changed).await;
    becomes_cached(&stack, &gone).await;
    stack.stop_redis();
    let patch = json!({ "full_name": "Changed meanwhile" });
    let after = client.patch(id(&changed), &patch).await.expect(200).json();
    client.delete(id(&gone)).await.expect(204);
    stack.start_redis();
    for _ in 0..20 {
        assert_eq!(client.user(id(&changed)).await.expect(200).json(), after);
        client.user(id(&gone)).await.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_during_a_redis_freeze_are_visible_after_it_thaws() {
    let mut stack = Stack::start().await;
    let client = stack.client.clone();
    let (changed, gone) = (
        client.created(&new_user()).await,
        client.created(&new_user()).await,
    );
    becomes_cached(&stack, &changed).await;
    becomes_cached(&stack, &gone).await;
    stack.pause_redis();
    let patch = json!({ "full_name": "Changed meanwhile" });
    let after = client.patch(id(&changed), &patch).await.expect(200).json();
    client.delete(id(&gone)).await.expect(204);
    assert_eq!(
        client.user(id(&changed)).await.expect(200).json(),
        after,
        "while frozen"
    );
    client.user(id(&gone)).await.problem(404, "not_found");
    stack.resume_redis();
    eventually(
        CATCH_UP,
        "the old entries to be gone from Redis",
        async || {
            let old = stack
                .cached(id(&changed))
                .await
                .is_some_and(|entry| entry.starts_with("1:"));
            let dead = stack
                .cached(id(&gone))
                .await
                .is_some_and(|entry| entry.starts_with("1:"));
            !old && !dead
        },
    )
    .await;
    for _ in 0..20 {
        assert_eq!(client.user(id(&changed)).await.expect(200).json(), after);
        client.user(id(&gone)).await.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_respond_within_a_second_if_redis_freezes() {
    let mut stack = Stack::start().await;
    let users = join_all((0..8).map(async |_| stack.client.created(&new_user()).await)).await;
    for user in &users {
        becomes_cached(&stack, user).await;
    }
    stack.pause_redis();
    for _ in 0..3 {
        let reads = users.iter().map(async |user| {
            let begun = Instant::now();
            assert_eq!(stack.client.user(id(user)).await.expect(200).json(), *user);
            begun.elapsed()
        });
        let slowest = join_all(reads).await.into_iter().max().unwrap();
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    }
    check_every_call(&stack.client).await;
    let begun = Instant::now();
    let ready = stack.client.get("/api/v1/health/ready").await.expect(200);
    assert_eq!(ready.json()["status"], "degraded", "{ready}");
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "ready took {:?}",
        begun.elapsed()
    );
    stack.resume_redis();
    becomes_cached(&stack, &users[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_flush_affects_no_response() {
    let stack = Stack::start().await;
    let user = stack.client.created(&new_user()).await;
    let mut redis = stack.redis_connection().await;
    for round in 0..5 {
        becomes_cached(&stack, &user).await;
        let () = redis::cmd("FLUSHALL")
            .query_async(&mut redis)
            .await
            .unwrap();
        assert_eq!(
            stack.client.user(id(&user)).await.expect(200).json(),
            user,
            "round {round}"
        );
    }
    let () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query_async(&mut redis)
        .await
        .unwrap();
    check_every_call(&stack.client).await;
    becomes_cached(&stack, &user).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_cache_entries_are_ignored() {
    let stack = Stack::start().await;
    let user = stack.client.created(&new_user()).await;
    let other = stack.client.created(&new_user()).await;
    becomes_cached(&stack, &other).await;
    let of_another = stack.cached(id(&other)).await.unwrap();
    let key = format!("roster:user:{}", id(&user));
    let mut redis = stack.redis_connection().await;
    for lie in [
        String::new(),
        "nonsense".to_owned(),
        "1:".to_owned(),
        "1:{}".to_owned(),
        "1:{\"id\":".to_owned(),
        "x:null".to_owned(),
        format!("1:{user}"),
        of_another,
        "9007199254740991:".to_owned(),
    ] {
        let () = redis::cmd("SET")
            .arg(&key)
            .arg(&lie)
            .query_async(&mut redis)
            .await
            .unwrap();
        assert_eq!(
            stack.client.user(id(&user)).await.expect(200).json(),
            user,
            "{lie}"
        );
    }
    let () = redis::cmd("DEL")
        .arg(&key)
        .query_async(&mut redis)
        .await
        .unwrap();
    let () = redis::cmd("LPUSH")
        .arg(&key)
        .arg("x")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(
        stack.client.user(id(&user)).await.expect(200).json(),
        user,
        "another type"
    );
    let request = stack
        .client
        .patch_request(id(&user), &json!({ "full_name": "N" }));
    let patched = stack.client.send(request).await.expect(200).json();
    assert_eq!(
        stack.client.user(id(&user)).await.expect(200).json(),
        patched
    );
    stack
        .client
        .send(stack.client.request(Method::DELETE, &user_path(id(&user))))
        .await
        .expect(204);
    stack.client.user(id(&user)).await.problem(404, "not_found");
}
