//! Signed-in users with a password.

use serde_json::{Value, json};

use crate::client::{Client, access_token, id};
use crate::{Reply, new_user};

/// Default password of every person; it is in no list of common passwords.
pub const PASSWORD: &str = "velvet anchor 93 maple";

/// User of the app under test, with a session.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub password: String,
    /// Client with the session's access token.
    pub client: Client,
    pub refresh_token: String,
}

impl Person {
    /// Creates a user as the administrator.
    pub async fn create(admin: &Client) -> Self {
        Self::create_with(admin, json!({})).await
    }

    /// Creates two users as the administrator.
    pub async fn create_two(admin: &Client) -> [Self; 2] {
        [Self::create(admin).await, Self::create(admin).await]
    }

    /// Creates another administrator.
    pub async fn create_admin(admin: &Client) -> Self {
        Self::create_with(admin, json!({ "role": "admin" })).await
    }

    /// Creates a user with some fields of the create request overridden.
    pub async fn create_with(admin: &Client, fields: Value) -> Self {
        let mut body = new_user();
        body["password"] = json!(PASSWORD);
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let user = admin.created(&body).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let (email, password) = (text(&body["email"]), text(&body["password"]));
        let reply = admin.without_token().login(&email, &password).await;
        let session = Session::of(&admin.without_token(), &reply.expect(200));
        Self {
            id: id(&user).to_owned(),
            email,
            password,
            client: session.client,
            refresh_token: session.refresh_token,
        }
    }

    /// Opens another session of this person.
    pub async fn sign_in(&self) -> Session {
        let nobody = self.client.without_token();
        let reply = nobody.login(&self.email, &self.password).await.expect(200);
        Session::of(&nobody, &reply)
    }

    /// Returns the id of the person's session.
    pub fn session_id(&self) -> String {
        session_id(&self.client)
    }
}

/// Result of signing in or refreshing.
#[derive(Clone)]
pub struct Session {
    pub client: Client,
    pub refresh_token: String,
}

impl Session {
    /// Returns the session in a response to `nobody`.
    pub fn of(nobody: &Client, reply: &Reply) -> Self {
        let refresh_token = reply.json()["refresh_token"].as_str().map(str::to_owned);
        Self {
            client: nobody.with_token(&access_token(reply)),
            refresh_token: refresh_token.unwrap_or_else(|| panic!("no refresh token: {reply}")),
        }
    }

    /// Exchanges a refresh token, which must be accepted.
    pub async fn refreshed(nobody: &Client, refresh_token: &str) -> Self {
        Self::of(nobody, &nobody.refresh(refresh_token).await.expect(200))
    }

    /// Returns the session's id.
    pub fn id(&self) -> String {
        session_id(&self.client)
    }
}

/// Returns the id of the session of the client's token.
pub fn session_id(client: &Client) -> String {
    let sid = claims(client.token())["sid"].as_str().map(str::to_owned);
    sid.expect("a session id")
}

/// Returns the claims in a token, unverified.
pub fn claims(token: &str) -> Value {
    segment(token, 1)
}

/// Returns the header of a token, unverified.
pub fn header(token: &str) -> Value {
    segment(token, 0)
}

fn segment(token: &str, at: usize) -> Value {
    use base64::Engine;
    let text = token.split('.').nth(at).expect("a segment");
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
