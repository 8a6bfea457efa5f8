//! Changes and deletion of one user: merge patches, versions, conditions.

use blackbox::client::{id, user_path};
use blackbox::{Client, new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

fn updated_at(user: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(user["updated_at"].as_str().unwrap(), &Rfc3339).unwrap()
}

#[tokio::test]
async fn patch_changes_only_given_fields_and_increments_the_version() {
    let client = Client::from_env().await;
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
        expected[field] = stored;
        expected["version"] = json!(version);
        assert!(updated_at(&body) > updated_at(&expected), "{reply}");
        expected["updated_at"] = body["updated_at"].clone();
        assert_eq!(body, expected);
        assert_eq!(reply.etag(), format!("\"v{version}\""));
        assert_eq!(client.user(id(&user)).await.json(), expected);
    }
}

#[tokio::test]
async fn patch_accepts_only_merge_patch_and_json() {
    let client = Client::from_env().await;
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
async fn an_empty_patch_returns_the_current_state() {
    let client = Client::from_env().await;
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
async fn a_patch_without_changes_keeps_version_and_etag() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let same = json!({
        "email": user["email"], "full_name": user["full_name"],
        "role": user["role"], "is_active": user["is_active"],
    });
    let reply = client.patch(id(&user), &same).await.expect(200);
    assert_eq!(reply.json(), user);
    assert_eq!(reply.etag(), "\"v1\"");
    client
        .patch_if(id(&user), &same, "\"v1\"")
        .await
        .expect(200);
    client
        .patch_if(id(&user), &same, "\"v2\"")
        .await
        .problem(412, "precondition_failed");
    assert_eq!(client.user(id(&user)).await.etag(), "\"v1\"");
    let trail = format!("/api/v1/audit?target_id={}", id(&user));
    let events = client.get_json(&trail).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "{events}");
}

#[tokio::test]
async fn patch_rejects_null_and_invalid_values() {
    let client = Client::from_env().await;
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
async fn patch_with_a_stale_if_match_gets_412() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let rename = async |name: &str, tags: &str| {
        let patch = json!({ "full_name": name });
        client.patch_if(id(&user), &patch, tags).await
    };
    for stale in ["\"v0\"", "\"v2\"", "W/\"v1\"", "\"v1x\"", "\"v2\", \"v3\""] {
        let reply = rename("N", stale).await;
        reply.problem(412, "precondition_failed");
    }
    rename("N", "\"v1\"").await.expect(200);
    let again = rename("N", "\"v1\"").await;
    again.problem(412, "precondition_failed");
    rename("O", "\"v8\", \"v2\"").await.expect(200);
    let last = rename("P", "*").await.expect(200);
    assert_eq!(last.etag(), "\"v4\"");
}

#[tokio::test]
async fn if_match_on_an_unknown_user_creates_nothing() {
    let client = Client::from_env().await;
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
async fn malformed_conditions_are_rejected() {
    let client = Client::from_env().await;
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
async fn delete_returns_204_and_then_404() {
    let client = Client::from_env().await;
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
    let client = Client::from_env().await;
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
async fn if_none_match_applies_to_changes_and_if_match_to_reads() {
    let client = Client::from_env().await;
    let user = client.created(&new_user()).await;
    let path = user_path(id(&user));
    let send = async |method: Method, header: &str, tags: &str| {
        let request = client.request(method.clone(), &path).header(header, tags);
        let request = match method {
            Method::PATCH => request.json(&json!({ "full_name": "Changed" })),
            _ => request,
        };
        client.send(request).await
    };
    for method in [Method::PATCH, Method::DELETE] {
        for current in ["*", "\"v1\"", "W/\"v1\"", "\"v7\", \"v1\""] {
            let reply = send(method.clone(), "if-none-match", current).await;
            let problem = reply.problem(412, "precondition_failed");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.starts_with("If-None-Match excludes"), "{detail}");
        }
    }
    client.user(id(&user)).await.expect(200).json();
    for other in ["\"v2\"", "\"v1x\"", "W/\"v1\""] {
        let reply = send(Method::GET, "if-match", other).await;
        reply.problem(412, "precondition_failed");
    }
    for fits in ["*", "\"v1\"", "\"v2\", \"v1\""] {
        send(Method::GET, "if-match", fits).await.expect(200);
    }
    let both = client
        .request(Method::GET, &path)
        .header("if-match", "\"v2\"")
        .header("if-none-match", "\"v1\"");
    client.send(both).await.problem(412, "precondition_failed");
    let reply = send(Method::PATCH, "if-none-match", "\"v2\"").await;
    assert_eq!(reply.expect(200).etag(), "\"v2\"");
    let nobody = user_path(&uuid::Uuid::now_v7().to_string());
    let missing = client.request(Method::DELETE, &nobody);
    let reply = client.send(missing.header("if-none-match", "*")).await;
    reply.problem(404, "not_found");
}
