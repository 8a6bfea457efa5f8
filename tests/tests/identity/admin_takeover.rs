//! Access token of an admin: it is not enough to take over an account, neither their own nor another
//! admin's.

use blackbox::client::{ME, user_path};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// Requests that could take over an account: method, path below the account's, and body.
fn takeover_requests() -> [(Method, &'static str, Value); 4] {
    let email = format!("{}@example.com", unique());
    [
        (Method::POST, "/reset-token", json!({})),
        (Method::PATCH, "", json!({ "email": email })),
        (Method::PATCH, "", json!({ "role": "user" })),
        (Method::DELETE, "", json!({})),
    ]
}

async fn send(client: &Client, id: &str, takeover: &(Method, &str, Value)) -> Reply {
    let (method, below, body) = takeover;
    let request = client.request(method.clone(), &format!("{}{below}", user_path(id)));
    client.send_patiently(request.json(body)).await
}

#[tokio::test]
async fn admins_change_their_own_account_only_through_me() {
    let admin = Client::from_env().await;
    let eve = Person::create_admin(&admin).await;
    let before = eve.client.get_json(ME).await;
    for takeover in takeover_requests() {
        if takeover.2 == json!({ "role": "user" }) {
            continue;
        }
        send(&eve.client, &eve.id, &takeover)
            .await
            .problem(409, "use_users_me");
        let mut confirmed = takeover.clone();
        confirmed.2["current_password"] = json!(PASSWORD);
        send(&eve.client, &eve.id, &confirmed)
            .await
            .problem(409, "use_users_me");
    }
    // Request without a body, which was not required before.
    let path = format!("{}/reset-token", user_path(&eve.id));
    let bare = eve.client.request(Method::POST, &path);
    eve.client.send(bare).await.problem(409, "use_users_me");
    assert_eq!(eve.client.get_json(ME).await, before);
    eve.client.rename(&eve.id, "Eve herself").await;
}

#[tokio::test]
async fn changing_another_admin_requires_the_callers_password() {
    let admin = Client::from_env().await;
    let eve = Person::create_admin(&admin).await;
    let ada = Person::create_admin(&admin).await;
    let before = ada.client.get_json(ME).await;
    for takeover in takeover_requests() {
        let mut attempt = takeover.clone();
        send(&eve.client, &ada.id, &takeover)
            .await
            .invalid("current_password");
        for wrong in [json!("not the password"), json!(""), json!(null), json!(7)] {
            attempt.2["current_password"] = wrong;
            send(&eve.client, &ada.id, &attempt)
                .await
                .invalid("current_password");
        }
    }
    assert_eq!(ada.client.get_json(ME).await, before);
    let bare = eve
        .client
        .request(Method::POST, &format!("{}/reset-token", user_path(&ada.id)));
    eve.client.send(bare).await.invalid("current_password");
    eve.client.delete(&ada.id).await.invalid("current_password");
    // The name has no effect on access.
    eve.client.rename(&ada.id, "Ada King").await;
    for (mut takeover, status) in takeover_requests().into_iter().zip([201, 200, 200, 204]) {
        takeover.2["current_password"] = json!(PASSWORD);
        send(&eve.client, &ada.id, &takeover).await.expect(status);
    }
}

#[tokio::test]
async fn changing_an_ordinary_user_requires_no_password() {
    let admin = Client::from_env().await;
    for (takeover, status) in takeover_requests().into_iter().zip([201, 200, 200, 204]) {
        let user = admin.created(&new_user()).await;
        let id = user["id"].as_str().unwrap();
        send(&admin, id, &takeover).await.expect(status);
    }
    // A password that is given is checked even if none is required.
    let user = admin.created(&new_user()).await;
    let wrong = admin.delete_admin(user["id"].as_str().unwrap(), "not the password");
    wrong.await.invalid("current_password");
}

#[tokio::test]
async fn invalid_delete_bodies_are_rejected() {
    let admin = Client::from_env().await;
    let user = admin.created(&new_user()).await;
    let path = user_path(user["id"].as_str().unwrap());
    let delete = |body: &'static str| admin.request(Method::DELETE, &path).body(body);
    admin
        .send(delete("current_password=x"))
        .await
        .problem(415, "unsupported_media_type");
    let json = |body| delete(body).header("content-type", "application/json");
    let cut = admin.send(json("{\"current_password\":")).await;
    cut.problem(400, "malformed_json");
    admin
        .send(json("{\"password\": \"x\"}"))
        .await
        .invalid("password");
    admin.send(json("")).await.expect(204);
}
