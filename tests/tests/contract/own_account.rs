//! Own account of the caller: /users/me.

use blackbox::client::{ME, user_path};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};

const PASSWORD_PATH: &str = "/api/v1/users/me/password";
const EXPORT: &str = "/api/v1/users/me/export";
const NEW_PASSWORD: &str = "copper 18 window lamb";

async fn ada() -> Person {
    Person::create(&Client::from_env().await).await
}

async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Reply {
    client
        .send_patiently(client.request(method, path).json(body))
        .await
}

async fn patch(client: &Client, body: &Value) -> Reply {
    send(client, Method::PATCH, ME, body).await
}

#[tokio::test]
async fn me_is_an_alias_of_the_callers_user() {
    let ada = ada().await;
    let me = ada.client.get(ME).await.expect(200);
    let named = ada.client.user(&ada.id).await.expect(200);
    assert_eq!(me.json(), named.json());
    for name in ["etag", "cache-control", "vary", "content-type"] {
        assert_eq!(me.header(name), named.header(name), "{name}");
    }
    assert_eq!(me.header("cache-control"), Some("private, no-cache"));
    assert_eq!(
        (&me.json()["id"], &me.json()["email"]),
        (&json!(ada.id), &json!(ada.email))
    );
    for fits in ["\"v1\"", "*"] {
        let same = ada
            .client
            .get_with(ME, "if-none-match", fits)
            .await
            .expect(304);
        assert!(same.body.is_empty() && same.etag() == "\"v1\"", "{same}");
    }
    ada.client
        .get_with(ME, "if-none-match", "\"v2\"")
        .await
        .expect(200);
}

#[tokio::test]
async fn users_change_their_own_name() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let first = patch(&ada.client, &json!({ "full_name": " One " }))
        .await
        .expect(200);
    assert_eq!(
        (&first.json()["full_name"], first.etag()),
        (&json!("One"), "\"v2\"")
    );
    let named = ada.client.rename(&ada.id, "Two").await;
    assert_eq!(named.etag(), "\"v3\"");
    for client in [&ada.client, &admin] {
        assert_eq!(client.user(&ada.id).await.expect(200).json(), named.json());
    }
    assert_eq!(ada.client.get_json(ME).await, named.json());
    let unchanged = patch(&ada.client, &json!({})).await.expect(200);
    assert_eq!(unchanged.json(), named.json());
    for (field, value) in [
        ("full_name", json!("")),
        ("full_name", Value::Null),
        ("full_name", json!("n".repeat(201))),
    ] {
        patch(&ada.client, &json!({ field: value }))
            .await
            .invalid(field);
    }
}

#[tokio::test]
async fn conditional_requests_apply_to_me() {
    let ada = ada().await;
    let change = async |tag: &str| {
        let request = ada
            .client
            .request(Method::PATCH, ME)
            .header("if-match", tag);
        ada.client
            .send(request.json(&json!({ "full_name": "N" })))
            .await
    };
    change("\"v2\"").await.problem(412, "precondition_failed");
    change("\"v1\"").await.expect(200);
    change("\"v1\"").await.problem(412, "precondition_failed");
    let delete = ada
        .client
        .request(Method::DELETE, ME)
        .header("if-match", "\"v1\"");
    let delete = delete.json(&json!({ "current_password": PASSWORD }));
    ada.client
        .send_patiently(delete)
        .await
        .problem(412, "precondition_failed");
    ada.client.get(ME).await.expect(200);
    let text = ada
        .client
        .request(Method::PATCH, ME)
        .header("content-type", "text/plain");
    let reply = ada.client.send(text.body("{}")).await;
    reply.problem(415, "unsupported_media_type");
    assert!(reply.header("accept-patch").is_some(), "{reply}");
}

#[tokio::test]
async fn a_new_email_requires_the_current_password() {
    let ada = ada().await;
    let email = format!("{}@example.org", unique());
    let bare = patch(&ada.client, &json!({ "email": email })).await;
    bare.invalid("current_password");
    for wrong in ["not the password", "", NEW_PASSWORD] {
        let body = json!({ "email": email, "full_name": "Half", "current_password": wrong });
        patch(&ada.client, &body).await.invalid("current_password");
    }
    assert_eq!(ada.client.get_json(ME).await["version"], 1);

    let body = json!({ "email": email.to_uppercase(), "current_password": PASSWORD });
    let changed = patch(&ada.client, &body).await.expect(200);
    assert_eq!(changed.json()["email"], email, "{changed}");
    let nobody = Client::anonymous();
    nobody.login(&email, PASSWORD).await.expect(200);
    nobody.login_fails(&ada.email, PASSWORD).await;
    ada.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_taken_or_invalid_email_is_rejected() {
    let ada = ada().await;
    let other = new_user();
    Client::from_env().await.created(&other).await;
    let body = |email: &Value| json!({ "email": email, "current_password": PASSWORD });
    patch(&ada.client, &body(&other["email"]))
        .await
        .problem(409, "email_taken");
    patch(&ada.client, &body(&json!("nonsense")))
        .await
        .invalid("email");
    patch(&ada.client, &body(&Value::Null))
        .await
        .invalid("email");
    // A caller without the password cannot learn that an email is taken.
    let guess = json!({ "email": other["email"], "current_password": "not the password" });
    patch(&ada.client, &guess).await.invalid("current_password");
    assert_eq!(ada.client.get_json(ME).await["email"], ada.email);
}

#[tokio::test]
async fn users_delete_their_account_with_the_password() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let second = ada.sign_in().await;
    let delete = async |body: &Value| send(&ada.client, Method::DELETE, ME, body).await;
    delete(&json!({})).await.problem(422, "invalid");
    delete(&json!({ "current_password": null }))
        .await
        .invalid("current_password");
    for wrong in ["not the password", ""] {
        delete(&json!({ "current_password": wrong }))
            .await
            .invalid("current_password");
    }
    let bare = ada.client.call(Method::DELETE, ME).await;
    bare.expect_any(&[400, 415, 422]).any_problem();
    ada.client.get(ME).await.expect(200);

    let gone = delete(&json!({ "current_password": PASSWORD }))
        .await
        .expect(204);
    assert!(gone.body.is_empty(), "{gone}");
    for client in [&ada.client, &second.client] {
        client.get(ME).await.problem(401, "unauthenticated");
    }
    admin.user(&ada.id).await.problem(404, "not_found");
    let nobody = Client::anonymous();
    nobody.login_fails(&ada.email, PASSWORD).await;
    nobody.refresh_fails(&ada.refresh_token).await;
}

#[tokio::test]
async fn a_password_change_requires_the_old_password() {
    let ada = ada().await;
    let change = async |body: &Value| send(&ada.client, Method::PUT, PASSWORD_PATH, body).await;
    for wrong in ["not the password", ""] {
        let change = ada.client.change_password(wrong, NEW_PASSWORD);
        change.await.invalid("old_password");
    }
    for body in [
        json!({}),
        json!({ "old_password": PASSWORD }),
        json!({ "new_password": NEW_PASSWORD }),
        json!({ "old_password": PASSWORD, "new_password": null }),
        json!({ "old_password": PASSWORD, "new_password": NEW_PASSWORD, "email": ada.email }),
    ] {
        change(&body).await.problem(422, "invalid");
    }
    let nobody = Client::anonymous();
    nobody.login(&ada.email, PASSWORD).await.expect(200);
    let body = json!({ "old_password": PASSWORD, "new_password": NEW_PASSWORD });
    let done = change(&body).await.expect(204);
    assert!(done.body.is_empty(), "{done}");
    nobody.login_fails(&ada.email, PASSWORD).await;
    nobody.login(&ada.email, NEW_PASSWORD).await.expect(200);
    change(&body).await.invalid("old_password");
    let path = user_path(&format!("{}/password", ada.id));
    let other = send(&ada.client, Method::PUT, &path, &body).await;
    other.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_concurrent_password_changes_succeeds() {
    let ada = ada().await;
    let passwords = [format!("one {}", unique()), format!("two {}", unique())];
    let changes = passwords.iter();
    let changes = changes.map(|new| ada.client.change_password(PASSWORD, new));
    let replies = futures::future::join_all(changes).await;
    let nobody = Client::anonymous();
    let mut won = 0;
    for (reply, password) in replies.iter().zip(&passwords) {
        let login = nobody.login(&ada.email, password).await;
        if reply.status == 204 {
            won += 1;
            login.expect(200);
        } else {
            reply.invalid("old_password");
            login.problem(401, "invalid_credentials");
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn users_export_their_own_data() {
    let ada = ada().await;
    let second = ada.sign_in().await;
    let reply = second.client.get(EXPORT).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let data = reply.json();
    assert_eq!(data["user"], ada.client.get_json(ME).await);
    let sessions = data["sessions"].as_array().unwrap().iter();
    let current: Vec<_> = sessions.map(|session| &session["current"]).collect();
    assert_eq!(current, [false, true]);
    let listed = second
        .client
        .get_json("/api/v1/auth/sessions?sort=created_at")
        .await;
    assert_eq!(data["sessions"], listed["items"]);
    let events = data["events"].as_array().unwrap();
    assert_eq!(data["events_total"], events.len());
    let actions: Vec<_> = events.iter().map(|event| &event["action"]).collect();
    assert_eq!(
        actions,
        ["login_succeeded", "login_succeeded", "user_created"]
    );
    // An admin created the user.
    assert_eq!(events[2]["actor_id"], Value::Null);
    assert!(!data.to_string().contains("argon2"), "{data}");
}
