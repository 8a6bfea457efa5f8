//! Import of users: formats, limits, results per line, and sign-in with imported password hashes.

use blackbox::client::{ME, USERS, user_path};
use blackbox::database::{password_hash, shared_database};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};

const IMPORT: &str = "/api/v1/users/import";
const NDJSON: &str = "application/x-ndjson";
const LIMIT: usize = 4 * 1024 * 1024;

/// Hashes of [`PASSWORD`] as the libraries make them by default, bcrypt with ten rounds.
const HASHES: [&str; 11] = [
    // passlib 1.7.4 with bcrypt 4.0.1 and argon2-cffi 25.1.0
    "$2a$10$tGj2pntSaOVsUedu9n6/x.d7dM0lcyGNB/QJPi88pjrVyeSrWGSTO",
    "$2b$10$SxQ.YdhJF/42k7Raa62U2OF9uAoeuT6FhDARL2BFWKqu0.jPTokbS",
    "$2y$10$uIh/QkRSt46iFjnoeBiDReEgXx/Ghk9jMhnFGJuu4InlkwzBZ0HK6",
    "$argon2i$v=19$m=65536,t=3,p=4$bY0RYgzhfO89pxTivFdqDQ$npd1mSA1lyqlo1KZ5LzEE7Wn7UZgDiB5lB1QAm15Ra8",
    "$argon2d$v=19$m=65536,t=3,p=4$yvnfe895L6UUQijF+D+nNA$fKfkzVeI0DHXjEku/m/f1kBl4Z38EXskbcbQoRmHEZQ",
    "$pbkdf2-sha256$29000$v3fOWUuJkdK6N8aYU4qxFg$ZkxxZ9w52/JVt6QzRVchTvfXa3bGcMcQb3tHOkh2lqw",
    "$pbkdf2-sha512$25000$MwZgzJkTgpASYqx1bk0pBQ$WMZmqA6Gi9LeUh5yiK7T0BBDDF5NQXColTEFIkxn9HM1E.Mw2daXXQ4A9HECfrywwe96KrgLRhfY1RRXAT8wCw",
    "$scrypt$ln=16,r=8,p=1$9J7zvjfm3FtLScnZW+u91w$WXsU0sIi5roCyIa0mC8kqmUdhUf9cn3OgLKMuAepRHY",
    // pwdlib 0.3.1
    "$argon2id$v=19$m=65536,t=3,p=4$61TBJ3SUXX6bIzc8t+leQg$+5asZUvDBna8/ws39h7d4P9lBhZPE7Rw6iJMSYlkGIM",
    "$2b$12$S6hOIulbj0ZNHa4Yl/GMhe2A77vykMr79DcKU7GmWjyh0Q5c4cERK",
    // Django 5.2.19
    "pbkdf2_sha256$1000000$1tGsH37RauTvgdq7sHCOsu$gFn5U6bkzpq02d/b5ecfW0jMD86zOMRtaen2VhIpBRY=",
];

async fn send(client: &Client, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = client.request(Method::POST, IMPORT);
    let request = request.header("content-type", content_type).body(body);
    client.send(request).await
}

/// Imports lines, and returns the report.
async fn import(client: &Client, lines: &[Value]) -> Value {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    send(client, NDJSON, body).await.expect(200).json()
}

fn statuses(report: &Value) -> Vec<&str> {
    let results = report["results"].as_array().unwrap().iter();
    let statuses = results.map(|result| result["status"].as_str().unwrap());
    statuses.collect()
}

fn results(report: &Value) -> &Vec<Value> {
    report["results"].as_array().unwrap()
}

fn line() -> Value {
    let name = unique();
    json!({ "email": format!("{name}@example.com"), "full_name": "Ada Lovelace", "external_id": name })
}

fn line_with_hash(hash: &str) -> Value {
    let mut line = line();
    line["password_hash"] = json!(hash);
    line
}

#[tokio::test]
async fn lines_and_arrays_have_the_same_results() {
    let admin = Client::from_env().await;
    for is_array in [false, true] {
        let (full, bare) = (
            json!({
                "email": format!("{}@example.com", unique()), "full_name": "Ada Lovelace", "role": "user",
                "is_active": false, "external_id": unique(), "created_at": "2019-05-01T08:00:00Z",
                "password_hash": HASHES[0],
            }),
            new_user(),
        );
        let invalid = json!({ "email": "no email", "full_name": "A", "password": "secret" });
        let lines = [full.clone(), invalid, bare.clone()];
        let report = match is_array {
            false => import(&admin, &lines).await,
            true => {
                let body = json!(lines).to_string();
                send(&admin, "application/json", body)
                    .await
                    .expect(200)
                    .json()
            }
        };
        assert_eq!(
            statuses(&report),
            ["created", "rejected", "created"],
            "{report}"
        );
        for (name, count) in [("created", 2), ("unchanged", 0), ("rejected", 1)] {
            assert_eq!(report[name], count, "{report}");
        }
        assert_eq!(report["results"][1]["line"], 2);
        assert_eq!(report["results"][1]["errors"][0]["pointer"], "#/password");
        let user = async |line: usize| {
            let id = report["results"][line]["id"].as_str().unwrap();
            admin.user(id).await.expect(200).json()
        };
        let ada = user(0).await;
        for field in ["email", "full_name", "role", "is_active", "created_at"] {
            assert_eq!(ada[field], full[field], "{ada}");
        }
        let user = user(2).await;
        assert_eq!(user["role"], "user");
        assert_eq!(user["is_active"], true);
    }
}

#[tokio::test]
async fn a_repeated_import_changes_nothing_and_is_audited_once() {
    let admin = Client::from_env().await;
    let lines = [line(), new_user()];
    let first = import(&admin, &lines).await;
    assert_eq!(statuses(&first), ["created", "created"]);
    let second = import(&admin, &lines).await;
    assert_eq!(statuses(&second), ["unchanged", "unchanged"]);
    for (one, other) in results(&first).iter().zip(results(&second)) {
        assert_eq!(one["id"], other["id"]);
        let id = one["id"].as_str().unwrap();
        let events = admin
            .get_json(&format!("/api/v1/audit?target_id={id}"))
            .await;
        let events = events["items"].as_array().unwrap();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["action"], "user_imported");
        let me = admin.get(ME).await.json();
        assert_eq!(events[0]["actor_id"], me["id"]);
    }
}

#[tokio::test]
async fn contradictions_are_rejected_with_their_reason() {
    let admin = Client::from_env().await;
    let (ada, grace) = (line(), line());
    import(&admin, &[ada.clone(), grace.clone()]).await;
    let mut mixed = ada.clone();
    mixed["external_id"] = grace["external_id"].clone();
    let mut other_id = grace.clone();
    other_id["external_id"] = json!(unique());
    let mut other_email = line();
    other_email["external_id"] = ada["external_id"].clone();
    let new = line();
    let report = import(&admin, &[mixed, other_id, other_email, new.clone(), new]).await;
    let all = ["rejected", "rejected", "rejected", "created", "rejected"];
    assert_eq!(statuses(&report), all, "{report}");
    let pointers = ["#/external_id", "#/email", "#/external_id", "", "#/email"];
    for (result, pointer) in results(&report).iter().zip(pointers) {
        let found = result["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert_eq!(found, pointer, "{result}");
    }
}

#[tokio::test]
async fn a_line_that_is_not_json_does_not_affect_the_others() {
    let admin = Client::from_env().await;
    let body = format!("{}\n\n{{\"email\":\n[]\n{}", line(), line());
    let report = send(&admin, NDJSON, body).await.expect(200).json();
    assert_eq!(
        statuses(&report),
        ["created", "rejected", "rejected", "created"]
    );
    let numbers = results(&report).iter().map(|result| &result["line"]);
    assert!(numbers.eq(&[1, 3, 4, 5]), "{report}");
    for (body, status, code) in [
        ("[{}", 400, "malformed_json"),
        ("{}", 422, "invalid"),
        ("null", 422, "invalid"),
    ] {
        send(&admin, "application/json", body)
            .await
            .problem(status, code);
    }
    for (content_type, nothing) in [("application/json", "[]"), (NDJSON, "")] {
        let report = send(&admin, content_type, nothing).await.expect(200);
        assert_eq!(report.json()["created"], 0, "{report}");
    }
}

#[tokio::test]
async fn a_request_has_at_most_1000_lines_and_4_mib() {
    let admin = Client::from_env().await;
    let lines: Vec<_> = (0..1_000).map(|_| line()).collect();
    let report = import(&admin, &lines).await;
    assert_eq!(report["created"], 1_000, "{report}");
    send(&admin, NDJSON, "{}\n".repeat(1_001))
        .await
        .problem(422, "invalid");
    let array = json!(vec![0; 1_001]).to_string();
    send(&admin, "application/json", array)
        .await
        .problem(422, "invalid");

    let padded = |length: usize| {
        let mut body = line().to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let report = send(&admin, NDJSON, padded(LIMIT)).await.expect(200).json();
    assert_eq!(report["created"], 1, "{report}");
    let over = send(&admin, NDJSON, padded(LIMIT + 1)).await;
    over.problem(413, "payload_too_large");
    // Only this endpoint has the larger limit.
    let other = admin.create_raw("application/json", padded(70_000)).await;
    other.problem(413, "payload_too_large");
}

#[tokio::test]
async fn other_media_types_and_callers_are_rejected() {
    let admin = Client::from_env().await;
    for other in [
        "text/plain",
        "application/jsonl",
        "application/x-ndjson; charset=latin1",
    ] {
        let reply = send(&admin, other, line().to_string()).await;
        reply.problem(415, "unsupported_media_type");
        assert_eq!(
            reply.header("accept"),
            Some("application/x-ndjson, application/json")
        );
    }
    let ada = Person::create(&admin).await;
    send(&ada.client, NDJSON, line().to_string())
        .await
        .problem(403, "forbidden");
    send(&Client::anonymous(), NDJSON, line().to_string())
        .await
        .problem(401, "unauthenticated");
    admin.get(IMPORT).await.problem(405, "method_not_allowed");
    admin
        .get(&format!("{USERS}/import/x"))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn expensive_and_unknown_hashes_are_rejected_with_the_reason() {
    let admin = Client::from_env().await;
    let hashes = [
        "$2b$15$S6hOIulbj0ZNHa4Yl/GMhe2A77vykMr79DcKU7GmWjyh0Q5c4cERK",
        "$argon2id$v=19$m=102400,t=2,p=8$YWJjREVGMTIzNDU2Nzg$uTtNGiEYboToGt1KxoC7F2qkiFlanEepm0exTBHxPTs",
        "$scrypt$ln=20,r=8,p=1$UArB+D/nvHdOqfX+/38v5Q$1DZeU4WCqgRx9sXGKTO9m6P+5L7/4gkbOPnJCgLa03c",
        "pbkdf2_sha256$3000000$1tGsH37RauTvgdq7sHCOsu$gFn5U6bkzpq02d/b5ecfW0jMD86zOMRtaen2VhIpBRY=",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "",
    ];
    let report = import(&admin, &hashes.map(line_with_hash)).await;
    for (result, reason) in results(&report).iter().zip([
        "takes too long to verify",
        "needs more than 64 MiB to verify",
        "needs more than 64 MiB to verify",
        "takes too long to verify",
        "must be a bcrypt",
        "must be a bcrypt",
    ]) {
        let error = &result["errors"][0];
        assert_eq!(error["pointer"], "#/password_hash", "{result}");
        let detail = error["detail"].as_str().unwrap();
        assert!(detail.starts_with(reason), "{result}");
    }
}

#[tokio::test]
async fn the_first_login_replaces_each_kind_of_hash() {
    let (admin, database) = (Client::from_env().await, shared_database().await);
    let lines = HASHES.map(line_with_hash);
    let report = import(&admin, &lines).await;
    let nobody = Client::anonymous();
    for ((line, hash), result) in lines.iter().zip(HASHES).zip(results(&report)) {
        let email = line["email"].as_str().unwrap();
        let id = result["id"].as_str().unwrap();
        nobody.login_fails(email, "velvet anchor 93 mapl").await;
        assert_eq!(password_hash(&database, id).await.as_deref(), Some(hash));
        let first = nobody.login(email, PASSWORD).await.expect(200);
        let client = blackbox::Session::of(&nobody, &first).client;
        client.get(ME).await.expect(200);
        let stored = password_hash(&database, id).await.unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        nobody.login(email, PASSWORD).await.expect(200);
        assert_eq!(password_hash(&database, id).await.unwrap(), stored);
        admin.call(Method::DELETE, &user_path(id)).await.expect(204);
    }
}
