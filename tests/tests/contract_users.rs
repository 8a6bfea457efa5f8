//! One user: create, read, change, delete, and the conditions on them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

use blackbox::client::{USERS, id, user_path};
use blackbox::{Client, new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The fields of a user's body, sorted.
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
async fn create_answers_201_with_location_etag_and_the_eight_fields() {
    let client = Client::from_env();
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
    assert_eq!(
        (&user["email"], &user["full_name"]),
        (&body["email"], &body["full_name"])
    );
    assert_eq!(
        (&user["role"], &user["is_active"]),
        (&json!("user"), &json!(true))
    );
    assert_eq!(user["version"], 1);
    assert_eq!(user["created_at"], user["updated_at"]);
}

#[tokio::test]
async fn create_takes_role_and_is_active() {
    let mut body = new_user();
    body["role"] = json!("admin");
    body["is_active"] = json!(false);
    let user = Client::from_env().created(&body).await;
    assert_eq!(
        (&user["role"], &user["is_active"]),
        (&json!("admin"), &json!(false))
    );
}

#[tokio::test]
async fn a_password_is_accepted_and_never_returned() {
    let client = Client::from_env();
    for password in ["8 chars!".to_owned(), format!("{}é", "long-".repeat(25))] {
        let mut body = new_user();
        body["password"] = json!(password);
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
async fn create_refuses_each_bad_value_and_points_at_it() {
    let client = Client::from_env();
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
        let mut body = new_user();
        body[field] = value;
        client.create(&body).await.invalid(field);
    }
}

#[tokio::test]
async fn create_accepts_the_longest_values() {
    let client = Client::from_env();
    let mut body = new_user();
    body["full_name"] = json!("ñ".repeat(200));
    let name = unique();
    let local = format!("{name}{}", "a".repeat(64 - name.len()));
    let label = "b".repeat(60);
    let email = format!("{local}@{label}.{label}.{label}.com");
    assert!(email.len() <= 254);
    body["email"] = json!(email);
    let user = client.created(&body).await;
    assert_eq!(
        (&user["email"], &user["full_name"]),
        (&body["email"], &body["full_name"])
    );
}

#[tokio::test]
async fn required_fields_are_named_when_missing() {
    let client = Client::from_env();
    for missing in ["email", "full_name"] {
        let mut body = new_user();
        body.as_object_mut().unwrap().remove(missing);
        let problem = client.create(&body).await.problem(422, "invalid");
        assert!(problem["errors"].to_string().contains(missing), "{problem}");
    }
}

#[tokio::test]
async fn unknown_fields_are_refused_with_a_pointer() {
    let client = Client::from_env();
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
        let mut body = new_user();
        body[field] = json!("x");
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
    let client = Client::from_env();
    let name = unique();
    let body = json!({ "email": format!("{}@Example.COM", name.to_uppercase()),
        "full_name": "  José  O'Neil-山田  " });
    let user = client.created(&body).await;
    assert_eq!(user["email"], format!("{name}@example.com"));
    assert_eq!(user["full_name"], "José  O'Neil-山田");
}

#[tokio::test]
async fn an_email_is_unique_without_regard_to_case() {
    let client = Client::from_env();
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
async fn get_answers_what_create_answered() {
    let client = Client::from_env();
    let created = client.create(&new_user()).await.expect(201);
    let user = created.json();
    // Twice: from the database, and from the cache.
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
async fn if_none_match_answers_304_when_a_tag_fits() {
    let client = Client::from_env();
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
    client
        .patch(id(&user), &json!({ "full_name": "Changed" }))
        .await
        .expect(200);
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
async fn what_is_no_id_or_nobodys_id_is_404() {
    let client = Client::from_env();
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
async fn patch_changes_what_it_names_and_raises_the_version() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    let email = format!("{}@example.org", unique());
    let changes = [
        ("full_name", json!("  Renamed  "), json!("Renamed")),
        ("email", json!(email.to_uppercase()), json!(email)),
        ("role", json!("admin"), json!("admin")),
        ("is_active", json!(false), json!(false)),
    ];
    let mut expected = user.clone();
    for (version, (field, sent, stored)) in (2..).zip(changes) {
        let reply = client
            .patch(id(&user), &json!({ field: sent }))
            .await
            .expect(200);
        let body = reply.json();
        assert_user_shape(&body);
        expected[field] = stored;
        expected["version"] = json!(version);
        assert!(
            body["updated_at"].as_str() >= expected["updated_at"].as_str(),
            "{reply}"
        );
        expected["updated_at"] = body["updated_at"].clone();
        assert_eq!(body, expected);
        assert_eq!(reply.etag(), format!("\"v{version}\""));
        assert_eq!(client.user(id(&user)).await.json(), expected);
    }
}

#[tokio::test]
async fn patch_takes_merge_patch_and_json_and_refuses_others() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    let send = |content_type: &'static str| {
        let request = client.request(Method::PATCH, &user_path(id(&user)));
        let request = request.header("content-type", content_type);
        client.send(request.body(r#"{"full_name":"N"}"#))
    };
    for good in [
        "application/merge-patch+json",
        "application/json",
        "application/merge-patch+json; charset=utf-8",
        "Application/JSON",
    ] {
        send(good).await.expect(200);
    }
    for bad in [
        "text/plain",
        "application/json-patch+json",
        "application/xml",
        "*/*",
    ] {
        let reply = send(bad).await;
        reply.problem(415, "unsupported_media_type");
        let accepted = reply.header("accept-patch").unwrap_or_default();
        assert!(accepted.contains("application/merge-patch+json"), "{reply}");
    }
    let bare = client
        .request(Method::PATCH, &user_path(id(&user)))
        .body("{}");
    let reply = client.send(bare).await;
    reply.problem(415, "unsupported_media_type");
    assert!(reply.header("accept-patch").is_some(), "{reply}");
}

#[tokio::test]
async fn an_empty_patch_answers_the_current_state() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    let reply = client.patch(id(&user), &json!({})).await.expect(200);
    assert_eq!(reply.json(), user);
    assert_eq!(reply.etag(), "\"v1\"");
    client
        .patch_if(id(&user), &json!({}), "\"v1\"")
        .await
        .expect(200);
    client
        .patch_if(id(&user), &json!({}), "\"v7\"")
        .await
        .problem(412, "precondition_failed");
}

#[tokio::test]
async fn patch_refuses_null_and_bad_values_and_changes_nothing() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    for field in ["email", "full_name", "role", "is_active"] {
        client
            .patch(id(&user), &json!({ field: null }))
            .await
            .invalid(field);
    }
    for (field, value) in [
        ("email", json!("nonsense")),
        ("full_name", json!(" ")),
        ("full_name", json!("a\u{0}")),
        ("role", json!("owner")),
        ("is_active", json!("no")),
    ] {
        let patch = json!({ "full_name": "Half done", field: value });
        client.patch(id(&user), &patch).await.invalid(field);
    }
    assert_eq!(client.user(id(&user)).await.json(), user);
}

#[tokio::test]
async fn if_match_decides_a_patch() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    let name = json!({ "full_name": "N" });
    for stale in ["\"v0\"", "\"v2\"", "W/\"v1\"", "\"v1x\"", "\"v2\", \"v3\""] {
        client
            .patch_if(id(&user), &name, stale)
            .await
            .problem(412, "precondition_failed");
    }
    client
        .patch_if(id(&user), &name, "\"v1\"")
        .await
        .expect(200);
    client
        .patch_if(id(&user), &name, "\"v1\"")
        .await
        .problem(412, "precondition_failed");
    client
        .patch_if(id(&user), &name, "\"v8\", \"v2\"")
        .await
        .expect(200);
    let last = client.patch_if(id(&user), &name, "*").await.expect(200);
    assert_eq!(last.etag(), "\"v4\"");
}

#[tokio::test]
async fn if_match_on_nobody_is_404_or_412_and_creates_nothing() {
    let client = Client::from_env();
    let nobody = uuid::Uuid::now_v7().to_string();
    for tag in ["*", "\"v1\""] {
        let reply = client
            .patch_if(&nobody, &json!({ "full_name": "N" }), tag)
            .await;
        reply.expect_any(&[404, 412]).any_problem();
    }
    client.user(&nobody).await.problem(404, "not_found");
}

#[tokio::test]
async fn malformed_conditions_are_refused_and_change_nothing() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    for bad in ["v1", "\"v1", "1", "\"v1\" \"v2\""] {
        let reply = client
            .patch_if(id(&user), &json!({ "full_name": "N" }), bad)
            .await;
        reply.expect_any(&[400, 412]).any_problem();
    }
    assert_eq!(client.user(id(&user)).await.json(), user);
}

#[tokio::test]
async fn delete_answers_204_and_then_404() {
    let client = Client::from_env();
    let body = new_user();
    let user = client.created(&body).await;
    client.user(id(&user)).await.expect(200);
    let gone = client.delete(id(&user)).await.expect(204);
    assert!(gone.body.is_empty(), "{gone}");
    client.user(id(&user)).await.problem(404, "not_found");
    client.delete(id(&user)).await.problem(404, "not_found");
    client
        .patch(id(&user), &json!({ "full_name": "N" }))
        .await
        .problem(404, "not_found");
    let again = client.created(&body).await;
    assert_ne!(id(&again), id(&user), "the email is free again");
}

#[tokio::test]
async fn delete_honours_if_match() {
    let client = Client::from_env();
    let user = client.created(&new_user()).await;
    let delete = |tag: &'static str| {
        let request = client.request(Method::DELETE, &user_path(id(&user)));
        client.send(request.header("if-match", tag))
    };
    for stale in ["\"v2\"", "W/\"v1\""] {
        delete(stale).await.problem(412, "precondition_failed");
    }
    client.user(id(&user)).await.expect(200);
    delete("\"v5\", \"v1\"").await.expect(204);
    client.user(id(&user)).await.problem(404, "not_found");
}

#[tokio::test]
async fn private_answers_are_not_for_shared_caches() {
    let client = Client::from_env();
    let created = client.create(&new_user()).await.expect(201);
    let user = created.json();
    let patched = client
        .patch(id(&user), &json!({ "full_name": "N" }))
        .await
        .expect(200);
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
