//! Creating and reading one user: values, uniqueness, headers, conditional reads.

use blackbox::client::{USERS, id, user_path};
use blackbox::{Client, new_user, new_user_with, unique};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Fields of a user's body, sorted.
const FIELDS: [&str; 8] = [
    "created_at",
    "email",
    "full_name",
    "id",
    "is_active",
    "role",
    "updated_at",
    "version",
];

fn assert_user_shape(user: &Value) {
    let mut names: Vec<&str> = user
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(names, FIELDS);
    let uuid = uuid::Uuid::parse_str(id(user)).unwrap();
    assert_eq!(uuid.get_version_num(), 7, "{uuid}");
    assert_eq!(uuid.to_string(), id(user), "hyphenated lower case");
    for name in ["created_at", "updated_at"] {
        let text = user[name].as_str().unwrap();
        let time = OffsetDateTime::parse(text, &Rfc3339).unwrap();
        assert!(text.ends_with('Z'), "{name} is not in UTC: {text}");
        let age = OffsetDateTime::now_utc() - time;
        assert!(
            age.whole_seconds().abs() < 3600,
            "{name} is not now: {text}"
        );
    }
}

#[tokio::test]
async fn create_returns_201_with_location_etag_and_the_user() {
    let client = Client::from_env().await;
    let body = new_user();
    let reply = client.create(&body).await.expect(201);
    let user = reply.json();
    assert_user_shape(&user);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(
        reply
            .header("location")
            .unwrap()
            .ends_with(&user_path(id(&user))),
        "{reply}"
    );
    assert_eq!(reply.etag(), "\"v1\"");
    assert_eq!(user["email"], body["email"]);
    assert_eq!(user["full_name"], body["full_name"]);
    assert_eq!(user["role"], "user");
    assert_eq!(user["is_active"], true);
    assert_eq!(user["version"], 1);
    assert_eq!(user["created_at"], user["updated_at"]);
}

#[tokio::test]
async fn create_accepts_role_and_is_active() {
    let mut body = new_user();
    body["role"] = json!("admin");
    body["is_active"] = json!(false);
    let user = Client::from_env().await.created(&body).await;
    assert_eq!(user["role"], "admin");
    assert_eq!(user["is_active"], false);
}

#[tokio::test]
async fn a_password_is_accepted_and_never_returned() {
    let client = Client::from_env().await;
    for password in ["8 chars!".to_owned(), format!("{}é", "long-".repeat(25))] {
        let body = new_user_with("password", password.as_str());
        let reply = client.create(&body).await.expect(201);
        assert_user_shape(&reply.json());
        let read = client.user(id(&reply.json())).await.expect(200);
        for answer in [reply, read] {
            let text = String::from_utf8(answer.body.clone()).unwrap();
            assert!(
                !text.contains("argon2") && !text.contains(&password),
                "{answer}"
            );
            assert_user_shape(&answer.json());
        }
    }
}

#[tokio::test]
async fn create_rejects_invalid_values_with_a_pointer() {
    let client = Client::from_env().await;
    let long = "a".repeat(250);
    let cases = [
        ("email", json!("")),
        ("email", json!("no-at-sign")),
        ("email", json!("@example.com")),
        ("email", json!("a@")),
        ("email", json!("a b@example.com")),
        ("email", json!("a@b@example.com")),
        ("email", json!("jörg@example.com")),
        ("email", json!("a@exämple.com")),
        ("email", json!("a\n@example.com")),
        ("email", json!(format!("{long}@example.com"))),
        ("email", json!(5)),
        ("email", Value::Null),
        ("full_name", json!("")),
        ("full_name", json!("   ")),
        ("full_name", json!("a\u{0}b")),
        ("full_name", json!("a\nb")),
        ("full_name", json!("a\u{85}b")),
        ("full_name", json!("\u{FEFF}")),
        ("full_name", json!("\u{202E} \u{200D}")),
        ("full_name", json!("n".repeat(201))),
        ("full_name", json!(["x"])),
        ("role", json!("root")),
        ("role", json!("Admin")),
        ("role", json!(1)),
        ("is_active", json!("true")),
        ("is_active", json!(1)),
        ("password", json!("short12")),
        ("password", json!("p".repeat(129))),
        ("password", json!(12345678)),
    ];
    for (field, value) in cases {
        let body = new_user_with(field, value);
        client.create(&body).await.invalid(field);
    }
}

#[tokio::test]
async fn create_accepts_the_longest_values() {
    let client = Client::from_env().await;
    let mut body = new_user();
    body["full_name"] = json!("ñ".repeat(200));
    let name = unique();
    let local = format!("{name}{}", "a".repeat(64 - name.len()));
    let label = "b".repeat(60);
    let email = format!("{local}@{label}.{label}.{label}.com");
    assert!(email.len() <= 254);
    body["email"] = json!(email);
    let user = client.created(&body).await;
    assert_eq!(user["email"], body["email"]);
    assert_eq!(user["full_name"], body["full_name"]);
}

#[tokio::test]
async fn required_fields_are_named_when_missing() {
    let client = Client::from_env().await;
    for missing in ["email", "full_name"] {
        let mut body = new_user();
        body.as_object_mut().unwrap().remove(missing);
        let problem = client.create(&body).await.problem(422, "invalid");
        assert!(problem["errors"].to_string().contains(missing), "{problem}");
    }
}

#[tokio::test]
async fn unknown_fields_are_rejected_with_a_pointer() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    for field in [
        "id",
        "version",
        "created_at",
        "password_hash",
        "isAdmin",
        "Email",
        "a/b",
    ] {
        let pointer = field.replace('/', "~1");
        let body = new_user_with(field, "x");
        client.create(&body).await.invalid(&pointer);
        client
            .patch(id(&user), &json!({ field: "x" }))
            .await
            .invalid(&pointer);
    }
    let after = client.user(id(&user)).await.json();
    assert_eq!(after, user);
}

#[tokio::test]
async fn emails_are_stored_in_lower_case_and_names_are_trimmed() {
    let client = Client::from_env().await;
    let name = unique();
    let body = json!({ "email": format!("{}@Example.COM", name.to_uppercase()),
        "full_name": "  José  O'Neil-山田  " });
    let user = client.created(&body).await;
    assert_eq!(user["email"], format!("{name}@example.com"));
    assert_eq!(user["full_name"], "José  O'Neil-山田");
}

#[tokio::test]
async fn an_email_is_unique_ignoring_case() {
    let client = Client::from_env().await;
    let body = new_user();
    let email = body["email"].as_str().unwrap();
    client.created(&body).await;
    for twin in [email.to_owned(), email.to_uppercase()] {
        let twin = json!({ "email": twin, "full_name": "Twin" });
        let reply = client.create(&twin).await;
        reply.problem(409, "email_taken");
        assert!(reply.header("location").is_none(), "{reply}");
    }
    let other = client.created(&new_user()).await;
    let patch = json!({ "email": email.to_uppercase() });
    client
        .patch(id(&other), &patch)
        .await
        .problem(409, "email_taken");
    assert_eq!(client.user(id(&other)).await.json(), other);
}

#[tokio::test]
async fn get_returns_the_created_user() {
    let client = Client::from_env().await;
    let created = client.create(&new_user()).await.expect(201);
    let user = created.json();
    // Reads twice: from the database, and from the cache.
    for _ in 0..2 {
        let read = client.user(id(&user)).await.expect(200);
        assert_eq!(read.json(), user);
        assert_eq!(read.etag(), created.etag());
        assert_eq!(read.header("content-type"), Some("application/json"));
        assert_eq!(read.header("cache-control"), Some("private, no-cache"));
        let vary = read.header("vary").unwrap_or_default().to_ascii_lowercase();
        assert!(vary.contains("authorization"), "{read}");
    }
}

#[tokio::test]
async fn a_matching_if_none_match_gets_304() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let path = user_path(id(&user));
    for fits in [
        "\"v1\"",
        "W/\"v1\"",
        "*",
        "\"x\", \"v1\"",
        "\"v9\",W/\"v1\"",
    ] {
        let reply = client
            .get_with(&path, "if-none-match", fits)
            .await
            .expect(304);
        assert_eq!(reply.etag(), "\"v1\"", "{fits}");
        assert_eq!(
            reply.header("cache-control"),
            Some("private, no-cache"),
            "{fits}"
        );
        assert!(reply.body.is_empty());
    }
    for stale in ["\"v2\"", "\"v11\"", "W/\"v0\"", "\"x\"", "\"v1 \""] {
        client
            .get_with(&path, "if-none-match", stale)
            .await
            .expect(200);
    }
    client.rename(id(&user), "Changed").await;
    client
        .get_with(&path, "if-none-match", "\"v1\"")
        .await
        .expect(200);
    client
        .get_with(&path, "if-none-match", "\"v2\"")
        .await
        .expect(304);
}

#[tokio::test]
async fn an_invalid_or_unknown_id_gets_404() {
    let client = Client::from_env().await;
    let nobody = uuid::Uuid::new_v4().to_string();
    let simple = uuid::Uuid::new_v4().simple().to_string();
    for name in [
        "1",
        "me%20too",
        "not-a-uuid",
        &nobody,
        &simple,
        "%00",
        "..%2F..%2Fetc",
    ] {
        client.user(name).await.problem(404, "not_found");
        client
            .patch(name, &json!({ "full_name": "X" }))
            .await
            .problem(404, "not_found");
        client.delete(name).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn responses_about_users_are_not_stored_by_shared_caches() {
    let client = Client::from_env().await;
    let created = client.create(&new_user()).await.expect(201);
    let user = created.json();
    let patched = client.rename(id(&user), "N").await;
    let listed = client.list(&[("limit", "1")]).await.expect(200);
    let missed = client.user("nobody").await.expect(404);
    for reply in [created, patched, listed, missed] {
        let cache = reply.header("cache-control").unwrap_or_default();
        assert!(
            cache.contains("private") || cache.contains("no-store"),
            "{USERS}: {reply}"
        );
    }
}
