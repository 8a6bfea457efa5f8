//! Registration, and the password form behind the sign-in button of the documentation: both can be
//! switched off.

use blackbox::client::{ME, access_token, user_path};
use blackbox::stack::{DEFAULT_LIMITS, Stack};
use blackbox::{Client, PASSWORD, Person, Reply, new_user, new_user_with, unique};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const REGISTER: &str = "/api/v1/auth/register";
const FORM: &str = "/api/v1/auth/token";

fn registration() -> Value {
    new_user_with("password", PASSWORD)
}

async fn register_with_key(client: &Client, key: &str, body: &Value) -> Reply {
    let request = client.request(Method::POST, REGISTER).json(body);
    client
        .send_patiently(request.header("idempotency-key", key))
        .await
}

fn form_request(client: &Client, path: &str, body: &str) -> RequestBuilder {
    client
        .request(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.to_owned())
}

async fn form(client: &Client, body: &str) -> Reply {
    client
        .send_patiently(form_request(client, FORM, body))
        .await
}

fn credentials(email: &str, password: &str) -> String {
    let encode = |text: &str| text.replace(' ', "+").replace('@', "%40");
    let (email, password) = (encode(email), encode(password));
    format!("grant_type=password&username={email}&password={password}")
}

#[tokio::test]
async fn a_registered_user_can_sign_in() {
    let nobody = Client::anonymous();
    let body = registration();
    let reply = nobody.post(REGISTER, &body).await.expect(201);
    let user = reply.json();
    assert_eq!(
        user.as_object().unwrap().len(),
        8,
        "the view of a user: {reply}"
    );
    assert_eq!(
        (&user["role"], &user["is_active"], &user["email"]),
        (&json!("user"), &json!(true), &body["email"])
    );
    let text = String::from_utf8_lossy(&reply.body);
    assert!(
        !text.contains("argon2") && !text.contains(PASSWORD),
        "{reply}"
    );
    let tokens = nobody
        .login(body["email"].as_str().unwrap(), PASSWORD)
        .await
        .expect(200);
    let me = nobody.with_token(&access_token(&tokens));
    assert_eq!(me.get_json(ME).await["id"], user["id"]);
    me.get("/api/v1/users").await.problem(403, "forbidden");
}

#[tokio::test]
async fn registration_rejects_privileged_fields() {
    let (admin, nobody) = (Client::from_env().await, Client::anonymous());
    for (field, value) in [
        ("role", json!("admin")),
        ("role", json!("user")),
        ("is_active", json!(true)),
        ("id", json!(uuid::Uuid::now_v7())),
        ("password_hash", json!("$argon2id$x")),
        ("version", json!(7)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("isAdmin", json!(true)),
    ] {
        let mut body = registration();
        body[field] = value;
        nobody.post(REGISTER, &body).await.invalid(field);
        let email = body["email"].as_str().unwrap();
        let found = admin.list_json(&[("email", email)]).await;
        assert_eq!(found["items"], json!([]), "{field}");
    }
}

#[tokio::test]
async fn registration_requires_every_field_and_an_unused_email() {
    let nobody = Client::anonymous();
    for field in ["email", "full_name", "password"] {
        let mut body = registration();
        body.as_object_mut().unwrap().remove(field);
        let problem = nobody.post(REGISTER, &body).await.problem(422, "invalid");
        assert!(problem["errors"].to_string().contains(field), "{problem}");
        body[field] = Value::Null;
        nobody.post(REGISTER, &body).await.invalid(field);
    }
    let mut body = registration();
    nobody.post(REGISTER, &body).await.expect(201);
    body["email"] = json!(body["email"].as_str().unwrap().to_uppercase());
    nobody
        .post(REGISTER, &body)
        .await
        .problem(409, "email_taken");
}

#[tokio::test]
async fn a_registration_is_idempotent_with_a_key() {
    let nobody = Client::anonymous();
    let (key, body) = (unique(), registration());
    let first = register_with_key(&nobody, &key, &body).await.expect(201);
    for _ in 0..2 {
        let again = register_with_key(&nobody, &key, &body).await.expect(201);
        assert_eq!(again.json(), first.json());
    }
    let other = register_with_key(&nobody, &key, &registration()).await;
    other.problem(422, "idempotency_key_reused");
    // The same key on another route is a different key.
    let admin = Client::from_env().await;
    let create = admin
        .request(Method::POST, "/api/v1/users")
        .json(&new_user());
    let create = create.header("idempotency-key", &key);
    admin.send(create).await.expect(201);
}

#[tokio::test]
async fn the_token_form_signs_in_like_login() {
    let ada = Person::create(&Client::from_env().await).await;
    let nobody = Client::anonymous();
    let whole = credentials(&ada.email, PASSWORD);
    for body in [
        whole.clone(),
        format!("{whole}&scope="),
        format!("{whole}&scope=&client_id=&client_secret="),
    ] {
        let reply = form(&nobody, &body).await.expect(200);
        reply.assert_header("cache-control", "no-store");
        let tokens = reply.json();
        let kind = (&tokens["token_type"], &tokens["expires_in"]);
        assert_eq!(kind, (&json!("Bearer"), &json!(900)));
        let me = nobody.with_token(&access_token(&reply)).get(ME).await;
        assert_eq!(me.expect(200).json()["id"], ada.id);
    }
}

#[tokio::test]
async fn the_token_form_rejects_the_same_credentials_as_login() {
    let ada = Person::create(&Client::from_env().await).await;
    let nobody = Client::anonymous();
    let same = async |email: &str, password: &str| {
        let request = form_request(&nobody, FORM, &credentials(email, password));
        nobody
            .send_patiently(request.header("x-request-id", "same"))
            .await
    };
    let wrong = same(&ada.email, "not the password").await;
    let problem = wrong.problem(400, "invalid_credentials");
    assert_eq!(problem["error"], "invalid_grant");
    assert_eq!(wrong.header("cache-control"), Some("no-store"));
    let unknown = same(&format!("{}@example.com", unique()), PASSWORD).await;
    assert_eq!(unknown.visible(), wrong.visible());
}

#[tokio::test]
async fn the_token_form_accepts_only_form_encoded_password_grants() {
    let ada = Person::create(&Client::from_env().await).await;
    let nobody = Client::anonymous();
    let whole = credentials(&ada.email, PASSWORD);
    for (bad, error) in [
        (
            whole.replace("=password&", "=client_credentials&"),
            "unsupported_grant_type",
        ),
        (
            whole.replace("=password&", "=refresh_token&"),
            "unsupported_grant_type",
        ),
        (whole.replace("username=", "email="), "invalid_request"),
        (
            whole.replace("username=", "username=%20"),
            "invalid_request",
        ),
        (whole.replace("&password=", "&other="), "invalid_request"),
        (
            format!("{whole}&password=other+words+here"),
            "invalid_request",
        ),
        (String::new(), "invalid_request"),
        ("%ff=%ff".to_owned(), "invalid_request"),
    ] {
        let reply = form(&nobody, &bad).await;
        let problem = reply.problem(400, error);
        assert_eq!(problem["error"], error, "{bad}: {reply}");
    }
    // Parameters of other grants and of extensions are ignored.
    for more in ["audience=api", "scope=a+b", "client_id=x&client_secret=y"] {
        form(&nobody, &format!("{whole}&{more}")).await.expect(200);
    }
    let json = json!({ "grant_type": "password", "username": ada.email, "password": PASSWORD });
    nobody
        .post(FORM, &json)
        .await
        .problem(415, "unsupported_media_type");
    let in_query = form_request(&nobody, &format!("{FORM}?{whole}"), "");
    let reply = nobody.send(in_query).await;
    reply.problem(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registration_and_token_form_are_off_by_default() {
    let stack = Stack::start_with(DEFAULT_LIMITS).await;
    let nobody = stack.anonymous();
    let body = registration();
    for body in [&body, &json!({})] {
        nobody.post(REGISTER, body).await.problem(404, "not_found");
        stack
            .client
            .post(REGISTER, body)
            .await
            .problem(404, "not_found");
    }
    let ada = Person::create(&stack.client).await;
    let reply = form(&nobody, &credentials(&ada.email, PASSWORD)).await;
    reply.problem(404, "not_found");
    // An administrator can still create users.
    let user = stack.client.created(&new_user()).await;
    let path = user_path(user["id"].as_str().unwrap());
    stack.client.get(&path).await.expect(200);
}
