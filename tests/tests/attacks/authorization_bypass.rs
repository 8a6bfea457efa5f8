//! Known ways around authorization.

use std::collections::BTreeMap;

use blackbox::client::{ME, USERS, id, user_path};
use blackbox::{Client, PASSWORD, Person, new_user, new_user_with, raw};
use reqwest::Method;
use serde_json::{Value, json};
use web::auth::endpoints::{Access, Endpoint};

#[tokio::test]
async fn unlisted_methods_get_405() {
    let admin = Client::from_env().await;
    let mut methods: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for endpoint in Endpoint::ALL {
        methods
            .entry(endpoint.path())
            .or_default()
            .push(endpoint.method());
    }
    for (path, named) in methods {
        let path = path.replace("{id}", &uuid::Uuid::now_v7().to_string());
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if named.contains(&method) || named.contains(&"ANY") {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            for client in [&admin, &admin.without_token()] {
                let reply = client.call(method.clone(), &path).await;
                reply.problem(405, "method_not_allowed");
            }
        }
    }
}

#[tokio::test]
async fn override_headers_are_ignored() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let own = user_path(&ada.id);
    for header in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ] {
        ada.client
            .get_with(&own, header, "DELETE")
            .await
            .expect(200);
        let list = ada.client.get_with(USERS, header, "OPTIONS").await;
        list.problem(403, "forbidden");
        let delete = ada
            .client
            .request(Method::DELETE, &own)
            .header(header, "GET");
        ada.client.send(delete).await.problem(403, "forbidden");
    }
    let nobody = Client::anonymous();
    for (header, value) in [
        ("x-original-url", "/api/v1/health/live"),
        ("x-rewrite-url", "/api/v1/health/live"),
        ("x-forwarded-uri", "/api/v1/health/live"),
        ("spin-path-info", "/api/v1/health/live"),
        ("spin-full-url", "http://localhost/api/v1/health/live"),
        ("spin-raw-component-route", "/api/v1/health/..."),
        ("spin-client-addr", "127.0.0.1:1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;proto=https"),
        ("x-forwarded-user", "admin@example.com"),
        ("x-remote-user", "admin@example.com"),
        ("x-user-id", &ada.id),
        ("cookie", &format!("access_token={}", ada.client.token())),
        ("x-access-token", ada.client.token()),
        (
            "proxy-authorization",
            &format!("Bearer {}", ada.client.token()),
        ),
    ] {
        let reply = nobody.get_with(USERS, header, value).await;
        reply.problem(401, "unauthenticated");
        let reply = ada.client.get_with(USERS, header, value).await;
        reply.problem(403, "forbidden");
        let mine = ada.client.get_with(ME, header, value).await.expect(200);
        assert_eq!(mine.json()["id"], ada.id, "{header}");
    }
}

/// Fields that users must not set about themselves, and fields that no request has.
fn forbidden_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("role", json!("admin")),
        ("is_active", json!(false)),
        ("id", json!(uuid::Uuid::now_v7())),
        ("password", json!(PASSWORD)),
        (
            "password_hash",
            json!("$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWE$YQ"),
        ),
        ("version", json!(99)),
        ("session_epoch", json!(0)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("updated_at", json!("2020-01-01T00:00:00Z")),
        ("isAdmin", json!(true)),
        ("Role", json!("admin")),
        ("__proto__", json!({ "role": "admin" })),
    ]
}

#[tokio::test]
async fn users_can_assign_only_their_name() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let before = ada.client.get_json(ME).await;
    let own = user_path(&ada.id);
    let mut fields = forbidden_fields();
    fields.push(("email", json!("elsewhere@example.com")));
    for (field, value) in fields {
        for path in [own.as_str(), ME] {
            let patch = json!({ "full_name": "Half done", field: value });
            let request = ada.client.request(Method::PATCH, path).json(&patch);
            let reply = ada.client.send(request).await;
            reply.expect_any(&[403, 422]).any_problem();
            assert_eq!(ada.client.get_json(ME).await, before, "{field} at {path}");
        }
    }
    for query in ["role=admin", "is_active=true&role=admin"] {
        let request = ada.client.request(Method::PATCH, &format!("{own}?{query}"));
        let reply = ada.client.send(request.json(&json!({}))).await;
        reply.expect_any(&[200, 400, 422]);
        assert_eq!(ada.client.get_json(ME).await, before, "{query}");
    }
}

#[tokio::test]
async fn administrators_cannot_assign_read_only_fields() {
    let admin = Client::from_env().await;
    let user = admin.created(&new_user()).await;
    for (field, value) in forbidden_fields() {
        if matches!(field, "role" | "is_active") {
            continue;
        }
        admin
            .patch(
                id(&user),
                &json!({ "full_name": "Half done", field: value }),
            )
            .await
            .problem(422, "invalid");
        if field != "password" {
            let body = new_user_with(field, value);
            admin.create(&body).await.problem(422, "invalid");
        }
    }
    assert_eq!(admin.user(id(&user)).await.expect(200).json(), user);
}

#[tokio::test]
async fn the_user_of_someone_else_looks_nonexistent() {
    let admin = Client::from_env().await;
    let [ada, bob] = Person::create_two(&admin).await;
    let nobody = uuid::Uuid::now_v7().to_string();
    let ask = async |method: Method, id: &str, if_match: Option<&str>| {
        let mut request = ada.client.request(method.clone(), &user_path(id));
        if let Some(tag) = if_match {
            request = request.header("if-match", tag);
        }
        if method == Method::PATCH {
            request = request.json(&json!({ "full_name": "N" }));
        }
        let reply = ada
            .client
            .send(request.header("x-request-id", "same"))
            .await;
        let (status, headers, body) = reply.visible();
        (status, headers, body.replace(id, "ID"))
    };
    for method in [Method::GET, Method::PATCH, Method::DELETE, Method::HEAD] {
        for tag in [None, Some("\"v1\""), Some("\"v9\""), Some("*")] {
            let theirs = ask(method.clone(), &bob.id, tag).await;
            assert_eq!(
                theirs,
                ask(method.clone(), &nobody, tag).await,
                "{method} {tag:?}"
            );
        }
    }
    let tagged = ada
        .client
        .get_with(&user_path(&bob.id), "if-none-match", "*")
        .await;
    tagged.problem(404, "not_found");
    assert_eq!(admin.user(&bob.id).await.expect(200).json()["version"], 1);
}

#[tokio::test]
async fn alternative_path_spellings_are_rejected() {
    let nobody = Client::anonymous();
    let user = uuid::Uuid::now_v7().to_string();
    for &endpoint in Endpoint::ALL
        .iter()
        .filter(|e| e.access() != Access::Anyone)
    {
        let path = endpoint.path().replace("{id}", &user);
        let rest = path.trim_start_matches("/api/v1/");
        for spelled in [
            format!("{path}/"),
            format!("{path}//"),
            format!("/{path}"),
            path.to_uppercase(),
            format!("/api/v1/./{rest}"),
            format!("/api/v1/health/../{rest}"),
            format!("/api/v1/health/..%2f{rest}"),
            format!("/api/v1%2f{rest}"),
            format!("/api/v1/{}", rest.replacen('u', "%75", 1)),
            format!("{path};x=1"),
            format!("{path}%00"),
            format!("{path}?access_token=x"),
        ] {
            let request = raw::request(
                &nobody,
                endpoint.method(),
                &spelled,
                "Content-Length: 0\r\n",
                b"",
            );
            let reply = raw::exchange(nobody.base(), &request).await;
            let refused = matches!(reply.status, 400 | 401 | 404 | 405);
            assert!(refused, "{} {spelled}: {reply:?}", endpoint.method());
        }
    }
}
