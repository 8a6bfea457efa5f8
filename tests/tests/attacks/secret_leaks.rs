//! No secret or personal data in a log line, in Redis, or in any place that a client could read.

use blackbox::client::{LOGIN, ME, SESSIONS, USERS, user_path};
use blackbox::database::password_hash;
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, JWT_SECRET, Stack};
use blackbox::{Client, PASSWORD, Person, Reply, Session, new_user};
use reqwest::Method;
use serde_json::{Value, json};

const NEW_PASSWORD: &str = "copper 18 window lamb";
const WRONG_PASSWORD: &str = "ghastly 77 guess";

/// Sends requests of every kind that handles a secret; returns the responses and the secrets.
async fn journey(stack: &Stack) -> (Vec<Reply>, Vec<String>) {
    let admin = &stack.client;
    let nobody = stack.anonymous();
    let ada = Person::create(admin).await;
    let mut secrets = vec![
        PASSWORD.to_owned(),
        NEW_PASSWORD.to_owned(),
        WRONG_PASSWORD.to_owned(),
        ADMIN_PASSWORD.to_owned(),
        JWT_SECRET.to_owned(),
        ada.refresh_token.clone(),
        signature(&ada.client),
    ];
    let send = async |client: &Client, method: Method, path: &str, body: Value| {
        client
            .send_patiently(client.request(method, path).json(&body))
            .await
    };
    let mut replies = Vec::new();
    replies.push(nobody.login(&ada.email, WRONG_PASSWORD).await.expect(401));
    let next = Session::refreshed(&nobody, &ada.refresh_token).await;
    secrets.extend([next.refresh_token.clone(), signature(&next.client)]);
    // The first token is a replay from here on, not a lost response.
    let last = Session::refreshed(&nobody, &next.refresh_token).await;
    secrets.extend([last.refresh_token.clone(), signature(&last.client)]);
    for status in [204, 422] {
        let change = next.client.change_password(PASSWORD, NEW_PASSWORD);
        replies.push(change.await.expect(status));
    }
    replies.push(nobody.refresh(&ada.refresh_token).await.expect(401));
    let again = nobody.login(&ada.email, NEW_PASSWORD).await.expect(200);
    let again = Session::of(&nobody, &again).client;
    for path in [ME, SESSIONS] {
        replies.push(again.get(path).await.expect(200));
    }
    let item = user_path(&ada.id);
    let token = send(
        admin,
        Method::POST,
        &format!("{item}/reset-token"),
        json!({}),
    )
    .await;
    let token = token.expect(201).json()["reset_token"]
        .as_str()
        .unwrap()
        .to_owned();
    secrets.push(token.clone());
    let reset = json!({ "token": token, "new_password": "short12" });
    replies.push(
        send(&nobody, Method::POST, "/api/v1/auth/reset", reset)
            .await
            .expect(422),
    );
    let mut twin = new_user();
    twin["email"] = json!(ada.email);
    twin["password"] = json!(PASSWORD);
    replies.push(
        nobody
            .post("/api/v1/auth/register", &twin)
            .await
            .expect(409),
    );
    replies.push(admin.list(&[("email", &ada.email)]).await.expect(200));
    replies.push(
        admin
            .get(&format!("{USERS}?password_hash=x"))
            .await
            .expect(422),
    );
    replies.push(admin.get("/api/v1/audit?limit=100").await.expect(200));
    replies.push(nobody.get("/metrics").await);
    replies.push(nobody.get("/api/v1/health").await.expect(200));
    let cut = nobody
        .request(Method::POST, LOGIN)
        .header("content-type", "application/json")
        .body(format!(
            "{{\"email\":\"{}\",\"password\":\"{WRONG_PASSWORD}",
            ada.email
        ));
    replies.push(nobody.send(cut).await.expect(400));
    let hash = password_hash(&stack.database().await, &ada.id)
        .await
        .unwrap();
    secrets.push(hash);
    secrets.push(ada.email);
    (replies, secrets)
}

/// Returns the signature of the token.
fn signature(client: &Client) -> String {
    client.token().rsplit('.').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_redis_and_responses_contain_no_secret() {
    let stack = Stack::start_with(&[("log_level", "debug")]).await;
    let (replies, secrets) = journey(&stack).await;
    let log = stack.log();
    assert!(
        log.contains("/api/v1/auth/login"),
        "the log was written:\n{log}"
    );
    let in_redis = dump(&stack).await.join("\n");
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret} in the log");
        assert!(!in_redis.contains(secret), "{secret} in Redis: {in_redis}");
    }
    for word in ["argon2id", ADMIN_EMAIL, "eyJ"] {
        assert!(!log.contains(word), "{word} in the log:\n{log}");
    }
    let email = secrets.last().unwrap();
    for reply in &replies {
        let body = String::from_utf8_lossy(&reply.body);
        assert!(!body.contains("argon2"), "{reply}");
        for secret in secrets.iter().filter(|secret| *secret != email) {
            assert!(!body.contains(secret.as_str()), "{secret} in {reply}");
        }
    }
}

/// Hosts write the arguments of Redis commands into traces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_commands_contain_no_personal_data() {
    const ADDRESS: &str = "198.51.100.77";
    let stack = Stack::start_with(&[
        ("trusted_proxy_hops", "1"),
        ("rate_limit_requests", "100000"),
        ("login_attempts_per_ip", "1000"),
    ])
    .await;
    let seen = stack.monitor_redis().await;
    let (admin, nobody) = (&stack.client, stack.anonymous());
    let ada = Person::create(admin).await;
    let from = |client: &Client, method: Method, path: &str| {
        let request = client.request(method, path);
        request.header("x-forwarded-for", ADDRESS)
    };
    let send = async |request: reqwest::RequestBuilder, status: u16| {
        admin.send_patiently(request).await.expect(status)
    };
    let email = format!("{}@example.org", blackbox::unique());
    let patch =
        json!({ "full_name": "Augusta Byron", "email": email, "current_password": PASSWORD });
    let wrong = json!({ "email": ada.email, "password": WRONG_PASSWORD });
    send(from(&nobody, Method::POST, LOGIN).json(&wrong), 401).await;
    for _ in 0..2 {
        send(from(&ada.client, Method::GET, ME), 200).await;
        send(from(admin, Method::GET, &user_path(&ada.id)), 200).await;
        send(from(admin, Method::GET, USERS), 200).await;
    }
    send(from(&ada.client, Method::PATCH, ME).json(&patch), 200).await;
    let right = json!({ "email": email, "password": PASSWORD });
    send(from(&nobody, Method::POST, LOGIN).json(&right), 200).await;
    let register =
        json!({ "email": ada.email, "full_name": "Augusta Byron", "password": PASSWORD });
    let path = "/api/v1/auth/register";
    send(from(&nobody, Method::POST, path).json(&register), 201).await;
    send(from(&ada.client, Method::GET, ME), 200).await;
    send(from(admin, Method::DELETE, &user_path(&ada.id)), 204).await;
    let end = blackbox::unique();
    let mut redis = stack.redis_connection().await;
    let _: String = redis::cmd("ECHO")
        .arg(&end)
        .query_async(&mut redis)
        .await
        .unwrap();
    let seen = seen.until(&end).await;
    for name in ["roster:user:", "roster:session:", "roster:rate:"] {
        assert!(seen.contains(name), "{name} was used: {seen}");
    }
    for personal in [&ada.email, &email, "Augusta", ADMIN_EMAIL, ADDRESS] {
        let lines = seen.lines().filter(|line| line.contains(personal));
        assert_eq!(lines.collect::<Vec<_>>(), [""; 0], "{personal}");
    }
}

/// Returns every key of Redis with its value, as text.
async fn dump(stack: &Stack) -> Vec<String> {
    let mut redis = stack.redis_connection().await;
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(
        keys.iter().any(|key| key.starts_with("roster:")),
        "{keys:?}"
    );
    let mut entries = Vec::new();
    for key in keys {
        let raw: Vec<u8> = redis::cmd("DUMP")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap_or_default();
        entries.push(format!("{key} {}", String::from_utf8_lossy(&raw)));
    }
    entries
}
