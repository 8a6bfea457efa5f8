//! Signing in: the response, and that a rejection never reveals the reason.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use blackbox::client::{LOGIN, ME};
use blackbox::person::{claims, header};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, unique};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Sends a login under a fixed request id.
async fn login(client: &Client, email: &str, password: &str) -> Reply {
    let request = client
        .request(Method::POST, LOGIN)
        .header("x-request-id", "same")
        .json(&json!({ "email": email, "password": password }));
    client.send_patiently(request).await
}

fn names(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn login_returns_both_tokens_with_no_store() {
    let admin = Client::from_env().await;
    let ada = Person::create(&admin).await;
    let nobody = Client::anonymous();
    let reply = nobody.login(&ada.email, PASSWORD).await.expect(200);
    reply.assert_header("cache-control", "no-store");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let body = reply.json();
    assert_eq!(
        names(&body),
        BTreeSet::from(["access_token", "expires_in", "refresh_token", "token_type"])
    );
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    let refresh = body["refresh_token"].as_str().unwrap();
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(
        refresh.len() == 43 && refresh.bytes().all(url_safe),
        "256 bits, base64url"
    );
    let me = nobody
        .with_token(body["access_token"].as_str().unwrap())
        .get(ME)
        .await;
    assert_eq!(me.expect(200).json()["id"], ada.id);
}

#[tokio::test]
async fn the_access_token_has_subject_audience_and_expiry() {
    let ada = Person::create(&Client::from_env().await).await;
    let head = header(ada.client.token());
    assert_eq!(head["alg"], "HS256");
    assert_eq!(head["typ"], "at+jwt");
    assert_eq!(head["kid"].as_str().map(str::len), Some(16), "{head}");
    let claims = claims(ada.client.token());
    assert_eq!(claims["iss"], "roster");
    assert_eq!(claims["aud"], "roster-api");
    assert_eq!(claims["sub"], ada.id);
    uuid::Uuid::parse_str(claims["sid"].as_str().unwrap()).expect("a session id");
    let (issued, expires) = (
        claims["iat"].as_i64().unwrap(),
        claims["exp"].as_i64().unwrap(),
    );
    assert_eq!(expires - issued, 900, "{claims}");
    assert!(claims["nbf"].as_i64().unwrap() <= issued, "{claims}");
    let age = OffsetDateTime::now_utc().unix_timestamp() - issued;
    assert!((-60..=60).contains(&age), "{claims}");
    let text = claims.to_string();
    assert!(
        !text.contains(&ada.email) && !text.contains("full_name"),
        "no personal data: {text}"
    );
}

#[tokio::test]
async fn each_login_creates_a_session() {
    let ada = Person::create(&Client::from_env().await).await;
    let (one, two) = (ada.sign_in().await, ada.sign_in().await);
    assert_ne!(one.id(), two.id());
    assert_ne!(one.refresh_token, two.refresh_token);
    for session in [&one, &two] {
        session.client.get(ME).await.expect(200);
    }
}

#[tokio::test]
async fn the_email_is_accepted_in_any_case() {
    let ada = Person::create(&Client::from_env().await).await;
    let nobody = Client::anonymous();
    nobody
        .login(&ada.email.to_uppercase(), PASSWORD)
        .await
        .expect(200);
}

#[tokio::test]
async fn all_rejected_logins_get_the_same_response() {
    let admin = Client::from_env().await;
    let [ada, disabled] = Person::create_two(&admin).await;
    admin.deactivate(&disabled.id).await;
    let bare = new_user();
    admin.created(&bare).await;
    let deleted = Person::create(&admin).await;
    admin.delete(&deleted.id).await.expect(204);

    let nobody = Client::anonymous();
    let unknown = format!("{}@example.com", unique());
    let told = login(&nobody, &unknown, PASSWORD).await;
    told.problem(401, "invalid_credentials");
    for (email, password) in [
        (ada.email.as_str(), "not the password"),
        (&ada.email, ""),
        (&ada.email, "short"),
        (&ada.email, &"p".repeat(129)),
        (&ada.email, &PASSWORD.to_uppercase()),
        (&ada.email, &format!("{PASSWORD} ")),
        (&disabled.email, PASSWORD),
        (&disabled.email, "not the password"),
        (bare["email"].as_str().unwrap(), PASSWORD),
        (bare["email"].as_str().unwrap(), ""),
        (&deleted.email, PASSWORD),
    ] {
        let reply = login(&nobody, email, password).await;
        assert_eq!(reply.visible(), told.visible(), "{email} {password}");
    }
    login(&nobody, &ada.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn malformed_login_requests_are_rejected() {
    let nobody = Client::anonymous();
    let email = format!("{}@example.com", unique());
    for body in [
        json!({}),
        json!({ "email": email }),
        json!({ "password": PASSWORD }),
        json!({ "email": email, "password": null }),
        json!({ "email": email, "password": 12345678 }),
        json!({ "email": email, "password": [PASSWORD] }),
        json!({ "email": { "$ne": "" }, "password": PASSWORD }),
        json!({ "email": email, "password": PASSWORD, "role": "admin" }),
        json!([email, PASSWORD]),
        json!("text"),
    ] {
        nobody.post(LOGIN, &body).await.problem(422, "invalid");
    }
    let form = nobody.request(Method::POST, LOGIN);
    let form = form
        .header("content-type", "application/x-www-form-urlencoded")
        .body("email=a%40example.com&password=x");
    nobody
        .send(form)
        .await
        .problem(415, "unsupported_media_type");
    let cut = nobody
        .request(Method::POST, LOGIN)
        .header("content-type", "application/json")
        .body("{\"email\":");
    nobody.send(cut).await.problem(400, "malformed_json");
    nobody.get(LOGIN).await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn hostile_credentials_never_cause_a_server_error() {
    let nobody = Client::anonymous();
    for text in [
        "' OR 1=1 --",
        "\u{0}",
        "a\u{0}b",
        "%",
        "${jndi:x}",
        "\u{202e}",
        "x@",
    ] {
        let email = format!("{}@example.com", unique());
        for (email, password) in [(text, PASSWORD), (email.as_str(), text)] {
            let reply = nobody.login(email, password).await;
            reply.expect_any(&[401, 422]).any_problem();
        }
    }
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_rejected_quickly() {
    let nobody = Client::anonymous();
    let email = format!("{}@example.com", unique());
    for length in [1_000_000, 100_000] {
        let begun = Instant::now();
        let reply = nobody.login(&email, &"p".repeat(length)).await;
        reply.problem(413, "payload_too_large");
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
    }
    let begun = Instant::now();
    let reply = nobody.login(&email, &"p".repeat(60_000)).await;
    reply.expect_any(&[401, 422]).any_problem();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_authorization_header_does_not_affect_login() {
    let ada = Person::create(&Client::from_env().await).await;
    for token in [ada.client.token(), "nonsense", ""] {
        let client = Client::anonymous().with_token(token);
        client.login(&ada.email, PASSWORD).await.expect(200);
    }
}
