//! Access tokens: any token that the app did not issue for this use is rejected, always with the same
//! response.

use blackbox::client::{LOGIN, ME};
use blackbox::forge::{Forge, Key};
use blackbox::forged::forged;
use blackbox::person::{claims, header};
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, JWT_SECRET, Stack};
use blackbox::{Client, Person, Reply, Session, raw};
use reqwest::Method;
use serde_json::json;

const INVALID: &str = "Bearer error=\"invalid_token\"";

fn shared(secret: &str) -> Key {
    Key::Hs256(secret.as_bytes().to_vec())
}

/// `GET /users/me` with this Authorization, under a fixed request id.
async fn me(nobody: &Client, authorization: &str) -> Reply {
    let request = nobody
        .request(Method::GET, ME)
        .header("authorization", authorization)
        .header("x-request-id", "same");
    nobody.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_tokens_are_rejected_with_the_same_response() {
    let stack = Stack::start().await;
    let nobody = stack.anonymous();
    let [ada, bob] = Person::create_two(&stack.client).await;
    let forge = Forge::from_token(shared(JWT_SECRET), ada.client.token());
    // The app accepts the forge's valid token: each rejection below has exactly one cause.
    me(&nobody, &format!("Bearer {}", forge.good()))
        .await
        .expect(200);

    let mut forgeries = forged(&forge);
    for (what, claim, value) in [
        ("the session of somebody else", "sid", bob.session_id()),
        ("somebody else in one's own session", "sub", bob.id.clone()),
    ] {
        forgeries.push((what.to_owned(), forge.with_claim(claim, json!(value))));
    }
    assert!(forgeries.len() >= 60, "{}", forgeries.len());
    let told = me(&nobody, "Bearer made.up.token").await;
    told.problem(401, "unauthenticated");
    assert_eq!(told.header("www-authenticate"), Some(INVALID));
    let mut accepted = Vec::new();
    for (what, token) in &forgeries {
        let reply = me(&nobody, &format!("Bearer {token}")).await;
        if reply.visible() != told.visible() {
            accepted.push(format!("{what}: {}", reply.status));
        }
    }
    println!("{} forged tokens", forgeries.len());
    assert!(accepted.is_empty(), "{accepted:#?}");
    ada.client.get(ME).await.expect(200);
}

#[tokio::test]
async fn a_token_is_accepted_only_from_one_authorization_header() {
    let ada = Person::create(&Client::from_env().await).await;
    let nobody = Client::anonymous();
    let token = ada.client.token();
    for good in ["Bearer", "bearer", "BEARER"] {
        me(&nobody, &format!("{good} {token}")).await.expect(200);
    }
    for bad in [
        token.to_owned(),
        format!("Bearer{token}"),
        format!("Bearer: {token}"),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("DPoP {token}"),
        format!("Bearer {token} x"),
        format!("Bearer token=\"{token}\""),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
    ] {
        let reply = me(&nobody, &bad).await;
        reply.problem(401, "unauthenticated");
        assert_eq!(reply.header("www-authenticate"), Some(INVALID), "{bad}");
    }
    for other in [token, "made.up.token"] {
        let two = format!("Authorization: Bearer {token}\r\nAuthorization: Bearer {other}\r\n");
        let request = raw::request(&nobody, "GET", ME, &two, b"");
        let reply = raw::exchange(nobody.base(), &request).await;
        assert_eq!(reply.status, 401, "{reply:?}");
    }
    for query in ["access_token", "token", "authorization"] {
        let reply = nobody.get(&format!("{ME}?{query}={token}")).await;
        reply.problem(401, "unauthenticated");
        reply.assert_header("www-authenticate", "Bearer");
    }
}

#[tokio::test]
async fn revoked_and_forged_tokens_get_the_same_response() {
    let admin = Client::from_env().await;
    let nobody = Client::anonymous();
    let told = me(&nobody, "Bearer made.up.token").await;
    told.problem(401, "unauthenticated");
    let people = [
        Person::create(&admin).await,
        Person::create(&admin).await,
        Person::create(&admin).await,
    ];
    let [deactivated, deleted, logged_out] = &people;
    admin.deactivate(&deactivated.id).await;
    admin.delete(&deleted.id).await.expect(204);
    logged_out.client.logout().await.expect(204);
    for person in &people {
        let reply = me(&nobody, &format!("Bearer {}", person.client.token())).await;
        assert_eq!(reply.visible(), told.visible());
    }
}

#[tokio::test]
async fn a_shared_secret_has_no_public_keys() {
    let nobody = Client::anonymous();
    let reply = nobody.get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(reply.json(), json!({ "keys": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_the_secret_keeps_sessions_valid() {
    const NEXT: &str = "0f9d8c7b6a5e4d3c2b1a09f8e7d6c5b4";
    let mut stack = Stack::start().await;
    let ada = Person::create(&stack.client).await;
    let old_kid = header(ada.client.token())["kid"].clone();
    let both = [("jwt_secret", NEXT), ("jwt_secret_previous", JWT_SECRET)];
    stack.restart_host(&both).expect("a host");
    let at = |stack: &Stack, client: &Client| client.at(stack.client.base());
    at(&stack, &ada.client).get(ME).await.expect(200);
    let next = Session::refreshed(&stack.anonymous(), &ada.refresh_token).await;
    assert_ne!(header(next.client.token())["kid"], old_kid);
    next.client.get(ME).await.expect(200);
    // Signs with each key under the other's id.
    for (key, other) in [(NEXT, JWT_SECRET), (JWT_SECRET, NEXT)] {
        let forge = Forge::from_token(shared(key), next.client.token());
        let token = forge.with_header("kid", json!(shared(other).id()));
        let reply = stack.anonymous().with_token(&token).get(ME).await;
        reply.problem(401, "unauthenticated");
    }
    stack
        .restart_host(&[("jwt_secret_previous", "")])
        .expect("a host");
    let old = at(&stack, &ada.client).get(ME).await;
    old.problem(401, "unauthenticated");
    at(&stack, &next.client).get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_another_issuer_or_audience_are_rejected() {
    let mut stack = Stack::start().await;
    let admin = stack.client.clone();
    for (name, value, claim) in [
        ("jwt_issuer", "another", "iss"),
        ("jwt_audience", "another-api", "aud"),
    ] {
        let usual = stack.variable(name);
        stack.restart_host(&[(name, value)]).expect("a host");
        let here = admin.at(stack.client.base());
        here.get(ME).await.problem(401, "unauthenticated");
        let login = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD });
        let reply = stack.anonymous().post(LOGIN, &login).await.expect(200);
        let token = blackbox::client::access_token(&reply);
        assert_eq!(claims(&token)[claim], value);
        here.with_token(&token).get(ME).await.expect(200);
        stack.restart_host(&[(name, &usual)]).expect("a host");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_determines_the_token_lifetime() {
    let mut stack = Stack::start_with(&[("access_token_minutes", "60")]).await;
    let long = stack.client.clone();
    for (minutes, seconds) in [("60", 3_600), ("1", 60)] {
        stack
            .restart_host(&[("access_token_minutes", minutes)])
            .expect("a host");
        let reply = stack.anonymous().login(ADMIN_EMAIL, ADMIN_PASSWORD).await;
        let tokens = reply.expect(200).json();
        assert_eq!(tokens["expires_in"], seconds);
        let claims = claims(tokens["access_token"].as_str().unwrap());
        let (issued, expires) = (&claims["iat"], &claims["exp"]);
        let lives = expires.as_i64().unwrap() - issued.as_i64().unwrap();
        assert_eq!(lives, seconds, "{claims}");
    }
    // A shorter setting does not invalidate earlier tokens.
    long.at(stack.client.base()).get(ME).await.expect(200);
}
