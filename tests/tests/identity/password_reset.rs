//! Reset tokens: an administrator issues one, and its holder sets a password, once.

use blackbox::client::{ME, user_path};
use blackbox::database::{change_one, password_hash, shared_database};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, unique};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const RESET: &str = "/api/v1/auth/reset";
const NEW_PASSWORD: &str = "copper 18 window lamb";

async fn create_token(client: &Client, id: &str) -> Reply {
    let path = format!("{}/reset-token", user_path(id));
    client.call(Method::POST, &path).await
}

async fn token_for(admin: &Client, id: &str) -> String {
    let reply = create_token(admin, id).await.expect(201);
    reply.json()["reset_token"].as_str().unwrap().to_owned()
}

async fn reset(token: &str, password: &str) -> Reply {
    let body = json!({ "token": token, "new_password": password });
    Client::anonymous().post(RESET, &body).await
}

#[tokio::test]
async fn a_token_is_returned_once_and_valid_for_an_hour() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let reply = create_token(&admin, &ada.id).await.expect(201);
    reply.assert_header("cache-control", "no-store");
    let body = reply.json();
    assert_eq!(body.as_object().unwrap().len(), 2, "{reply}");
    let token = body["reset_token"].as_str().unwrap();
    assert_eq!(token.len(), 43, "256 bits, base64url");
    let expires = OffsetDateTime::parse(body["expires_at"].as_str().unwrap(), &Rfc3339).unwrap();
    let left = (expires - OffsetDateTime::now_utc()).whole_seconds();
    assert!((3_500..=3_600).contains(&left), "{reply}");
    let database = shared_database().await;
    let sql = "SELECT hash = sha256($2::text::bytea) FROM reset_tokens \
         WHERE user_id = $1::text::uuid";
    let rows = database.query(sql, &[&ada.id, &token]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_reset_sets_the_password_once_and_ends_every_session() {
    let admin = Client::from_env().await;
    let nobody = Client::anonymous();
    let ada = Person::create(&admin).await;
    let second = ada.sign_in().await;
    let token = token_for(&admin, &ada.id).await;
    for client in [&ada.client, &second.client] {
        client.get(ME).await.expect(200);
    }
    let done = reset(&token, NEW_PASSWORD).await.expect(204);
    assert!(done.body.is_empty(), "no tokens: {done}");
    for client in [&ada.client, &second.client] {
        client.get(ME).await.problem(401, "unauthenticated");
    }
    for refresh_token in [&ada.refresh_token, &second.refresh_token] {
        nobody.refresh_fails(refresh_token).await;
    }
    nobody.login_fails(&ada.email, PASSWORD).await;
    nobody.login(&ada.email, NEW_PASSWORD).await.expect(200);
    reset(&token, "third 55 password").await.invalid("token");
    nobody.login(&ada.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_user_without_a_password_sets_one_by_reset() {
    let admin = Client::from_env().await;
    let nobody = Client::anonymous();
    let body = new_user();
    let user = admin.created(&body).await;
    let id = user["id"].as_str().unwrap();
    let token = token_for(&admin, id).await;
    reset(&token, NEW_PASSWORD).await.expect(204);
    nobody
        .login(body["email"].as_str().unwrap(), NEW_PASSWORD)
        .await
        .expect(200);
    let hash = password_hash(&shared_database().await, id).await.unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
}

#[tokio::test]
async fn invalid_tokens_get_the_same_response() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let ask = async |token: &str| {
        let nobody = Client::anonymous();
        let body = json!({ "token": token, "new_password": NEW_PASSWORD });
        let request = nobody
            .request(Method::POST, RESET)
            .header("x-request-id", "same");
        nobody.send_patiently(request.json(&body)).await
    };
    let told = ask(&"A".repeat(43)).await;
    told.invalid("token");
    let replaced = token_for(&admin, &ada.id).await;
    let expired = token_for(&admin, &ada.id).await;
    let sql = "UPDATE reset_tokens SET expires_at = now() - interval '1 second' \
         WHERE user_id = $1::text::uuid";
    change_one(&shared_database().await, sql, &[&ada.id]).await;
    let gone = Person::create(&admin).await;
    let of_nobody = token_for(&admin, &gone.id).await;
    admin.delete(&gone.id).await.expect(204);
    for bad in [
        replaced.as_str(),
        &expired,
        &of_nobody,
        "",
        "\u{0}",
        "' OR 1=1 --",
        &"x".repeat(5_000),
        &ada.refresh_token,
        ada.client.token(),
    ] {
        assert_eq!(ask(bad).await.visible(), told.visible(), "{bad}");
    }
    ada.client.get(ME).await.expect(200);
    ada.sign_in().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_many_concurrent_resets_succeeds() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let token = token_for(&admin, &ada.id).await;
    let passwords: Vec<_> = (0..4)
        .map(|n| format!("password number {n} {}", unique()))
        .collect();
    let replies = join_all(passwords.iter().map(|password| reset(&token, password))).await;
    let mut winners = Vec::new();
    for (reply, password) in replies.iter().zip(&passwords) {
        match reply.status {
            204 => winners.push(password),
            _ => drop(reply.invalid("token")),
        }
    }
    assert_eq!(winners.len(), 1);
    Client::anonymous()
        .login(&ada.email, winners[0])
        .await
        .expect(200);
}

#[tokio::test]
async fn a_password_change_invalidates_the_reset_token() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let token = token_for(&admin, &ada.id).await;
    let change = ada.client.change_password(PASSWORD, NEW_PASSWORD);
    change.await.expect(204);
    reset(&token, "third 55 password").await.invalid("token");
}

#[tokio::test]
async fn a_reset_does_not_reactivate_a_user() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let token = token_for(&admin, &ada.id).await;
    admin.deactivate(&ada.id).await;
    reset(&token, NEW_PASSWORD).await.expect_any(&[204, 422]);
    let nobody = Client::anonymous();
    for password in [PASSWORD, NEW_PASSWORD] {
        nobody.login_fails(&ada.email, password).await;
    }
    assert_eq!(
        admin.user(&ada.id).await.expect(200).json()["is_active"],
        false
    );
}

#[tokio::test]
async fn only_administrators_create_tokens_for_existing_users() {
    let admin = Client::from_env().await;
    let [ada, bob] = Person::create_two(&admin).await;
    for id in [&ada.id, &bob.id, &uuid::Uuid::now_v7().to_string()] {
        create_token(&ada.client, id)
            .await
            .problem(403, "forbidden");
    }
    for id in ["nonsense", &uuid::Uuid::now_v7().to_string()] {
        create_token(&admin, id).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn malformed_reset_requests_are_rejected() {
    let nobody = Client::anonymous();
    let token = "A".repeat(43);
    for body in [
        json!({}),
        json!({ "token": token }),
        json!({ "new_password": NEW_PASSWORD }),
        json!({ "token": null, "new_password": NEW_PASSWORD }),
        json!({ "token": 5, "new_password": NEW_PASSWORD }),
        json!({ "token": token, "new_password": NEW_PASSWORD, "email": "a@example.com" }),
        Value::Null,
    ] {
        nobody.post(RESET, &body).await.problem(422, "invalid");
    }
}
