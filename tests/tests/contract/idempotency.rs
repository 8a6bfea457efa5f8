//! Idempotency-Key on POST /users: a repeated request creates nothing twice.

use std::collections::BTreeSet;

use blackbox::client::{USERS, id};
use blackbox::{Client, Reply, new_user, raw, unique};
use futures::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn request(client: &Client, key: &str) -> RequestBuilder {
    let request = client.request(Method::POST, USERS);
    request.header("idempotency-key", key)
}

async fn create(client: &Client, key: &str, body: &Value) -> Reply {
    client.send(request(client, key).json(body)).await
}

/// Same, repeated while no hash slot is free.
async fn create_patiently(client: &Client, key: &str, body: &Value) -> Reply {
    let request = request(client, key).json(body);
    client.send_patiently(request).await
}

async fn count(client: &Client, email: &Value) -> usize {
    let email = email.as_str().unwrap();
    let page = client.list_json(&[("email", email)]).await;
    page["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_key_and_body_replay_the_response() {
    let client = Client::from_env().await;
    let (key, body) = (unique(), new_user());
    let first = create(&client, &key, &body).await.expect(201);
    for _ in 0..3 {
        let again = create(&client, &key, &body).await.expect(201);
        assert_eq!(again.json(), first.json());
        for name in ["location", "etag", "content-type"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
    }
    assert_eq!(count(&client, &body["email"]).await, 1);
}

#[tokio::test]
async fn a_replay_returns_the_stored_response_after_a_change() {
    let client = Client::from_env().await;
    let (key, body) = (unique(), new_user());
    let first = create(&client, &key, &body).await.expect(201);
    let user = first.json();
    client.rename(id(&user), "Changed").await;
    assert_eq!(create(&client, &key, &body).await.expect(201).json(), user);
    client.delete(id(&user)).await.expect(204);
    let gone = create(&client, &key, &body).await;
    gone.problem(410, "gone");
    let text = String::from_utf8_lossy(&gone.body);
    assert!(!text.contains(body["email"].as_str().unwrap()), "{gone}");
    client.user(id(&user)).await.problem(404, "not_found");
}

#[tokio::test]
async fn member_order_and_whitespace_are_ignored() {
    let client = Client::from_env().await;
    let (key, body) = (unique(), new_user());
    let first = create(&client, &key, &body).await.expect(201);
    let (email, name) = (&body["email"], &body["full_name"]);
    let other = format!("{{ \"full_name\": {name},\n \"email\": {email} }}");
    let request = request(&client, &key).header("content-type", "application/json");
    let again = client.send(request.body(other)).await.expect(201);
    assert_eq!(again.json(), first.json());
}

#[tokio::test]
async fn the_same_key_with_another_body_gets_422() {
    let client = Client::from_env().await;
    let (key, body) = (unique(), new_user());
    create(&client, &key, &body).await.expect(201);
    let mut other = body.clone();
    other["full_name"] = json!("Another");
    for other in [other, new_user()] {
        create(&client, &key, &other)
            .await
            .problem(422, "idempotency_key_reused");
    }
    assert_eq!(count(&client, &body["email"]).await, 1);
}

#[tokio::test]
async fn requests_with_different_keys_are_independent() {
    let client = Client::from_env().await;
    let body = new_user();
    create(&client, &unique(), &body).await.expect(201);
    create(&client, &unique(), &body)
        .await
        .problem(409, "email_taken");
    create(&client, &unique(), &new_user()).await.expect(201);
}

#[tokio::test]
async fn a_rejected_request_does_not_use_its_key() {
    let client = Client::from_env().await;
    let (key, body) = (unique(), new_user());
    let mut bad = body.clone();
    bad["role"] = json!("root");
    create(&client, &key, &bad).await.invalid("role");
    create(&client, &key, &body).await.expect(201);

    let (key, twin) = (unique(), new_user());
    let mut taken = twin.clone();
    taken["email"] = body["email"].clone();
    create(&client, &key, &taken)
        .await
        .problem(409, "email_taken");
    create(&client, &key, &twin).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_requests_with_one_key_create_one_user() {
    let client = Client::from_env().await;
    // Fewer with a password: hashing is CPU work that stalls other requests of the same instance.
    for (requests, with_password) in [(20, false), (4, true)] {
        let (key, mut body) = (unique(), new_user());
        if with_password {
            body["password"] = json!("correct horse battery");
        }
        let replies = join_all((0..requests).map(|_| create(&client, &key, &body))).await;
        let mut ids = BTreeSet::new();
        for reply in replies {
            match reply.status {
                201 => {
                    ids.insert(id(&reply.json()).to_owned());
                    continue;
                }
                // Too many concurrent hashes.
                503 if with_password => reply.problem(503, "busy"),
                _ => reply.problem(409, "idempotency_key_in_flight"),
            };
            assert!(reply.header("retry-after").is_some(), "{reply}");
        }
        assert_eq!(ids.len(), 1);
        let after = create_patiently(&client, &key, &body)
            .await
            .expect(201)
            .json();
        assert!(ids.contains(id(&after)));
        assert_eq!(count(&client, &body["email"]).await, 1);
    }
}

#[tokio::test]
async fn the_password_is_excluded_from_the_comparison() {
    let client = Client::from_env().await;
    let (key, mut body) = (unique(), new_user());
    body["password"] = json!("first password");
    let first = create_patiently(&client, &key, &body)
        .await
        .expect(201)
        .json();
    assert_eq!(
        create_patiently(&client, &key, &body)
            .await
            .expect(201)
            .json(),
        first
    );
    // Another password is replayed like the right one: a repeated request confirms no guess.
    body["password"] = json!("other password");
    let other = create_patiently(&client, &key, &body).await.expect(201);
    assert_eq!(other.json(), first);
    body.as_object_mut().unwrap().remove("password");
    create(&client, &key, &body)
        .await
        .problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn an_invalid_key_is_rejected() {
    let client = Client::from_env().await;
    let body = new_user();
    for bad in ["", " ", &"k".repeat(256), &"k".repeat(8_000), "caf\u{e9}"] {
        let value = reqwest::header::HeaderValue::from_bytes(bad.as_bytes()).unwrap();
        let request = client
            .request(Method::POST, USERS)
            .header("idempotency-key", value);
        let reply = client.send(request.json(&body)).await;
        reply.expect_any(&[400, 422]).any_problem();
    }
    let twice = request(&client, "one").header("idempotency-key", "two");
    let reply = client.send(twice.json(&body)).await;
    reply.expect_any(&[400, 422]).any_problem();
    for control in ["a\x01b", "a\x00b", "a\x7fb"] {
        let text = body.to_string();
        let extra = format!(
            "Content-Type: application/json\r\nIdempotency-Key: {control}\r\nContent-Length: {}\r\n",
            text.len()
        );
        let request = raw::request(&client, "POST", USERS, &extra, text.as_bytes());
        let reply = raw::exchange(client.base(), &request).await;
        assert!(matches!(reply.status, 400 | 422), "{reply:?}");
    }
    assert_eq!(count(&client, &body["email"]).await, 0);
    let longest = format!("{}{}", unique(), "k".repeat(255 - 33));
    create(&client, &longest, &body).await.expect(201);
}

#[tokio::test]
async fn hostile_keys_are_used_literally() {
    let client = Client::from_env().await;
    for mark in [
        "'; DROP TABLE users; --",
        "%",
        "_",
        "\\",
        "\"quoted\"",
        "{}",
        "$1",
    ] {
        let (key, body) = (format!("{}{mark}", unique()), new_user());
        let first = create(&client, &key, &body).await;
        if first.status == 201 {
            assert_eq!(
                create(&client, &key, &body).await.expect(201).json(),
                first.json()
            );
        } else {
            first.expect_any(&[400, 422]).any_problem();
        }
    }
}
