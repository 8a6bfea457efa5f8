//! People with a password who have signed in.

use serde_json::{Value, json};

use crate::client::{Client, access_token, id};
use crate::{Reply, new_user};

/// What every person's password is unless a test says otherwise; no list of common ones has it.
pub const PASSWORD: &str = "velvet anchor 93 maple";

/// A user of the app under test, with a session.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub password: String,
    /// Calls with the access token of the session.
    pub client: Client,
    pub refresh_token: String,
}

impl Person {
    /// A user that the administrator has just created.
    pub async fn create(admin: &Client) -> Self {
        Self::create_with(admin, json!({})).await
    }

    /// Another administrator.
    pub async fn create_admin(admin: &Client) -> Self {
        Self::create_with(admin, json!({ "role": "admin" })).await
    }

    /// A user with some fields of the create request set otherwise.
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

    /// Another session of this person.
    pub async fn sign_in(&self) -> Session {
        let nobody = self.client.without_token();
        let reply = nobody.login(&self.email, &self.password).await.expect(200);
        Session::of(&nobody, &reply)
    }

    /// The id of the person's session.
    pub fn session_id(&self) -> String {
        session_id(&self.client)
    }
}

/// What one gets for signing in or for refreshing.
#[derive(Clone)]
pub struct Session {
    pub client: Client,
    pub refresh_token: String,
}

impl Session {
    /// The session in an answer of the app that `nobody` calls.
    pub fn of(nobody: &Client, reply: &Reply) -> Self {
        let refresh_token = reply.json()["refresh_token"].as_str().map(str::to_owned);
        Self {
            client: nobody.with_token(&access_token(reply)),
            refresh_token: refresh_token.unwrap_or_else(|| panic!("no refresh token: {reply}")),
        }
    }

    /// Its id.
    pub fn id(&self) -> String {
        session_id(&self.client)
    }
}

/// The id of the session that the client's token belongs to.
pub fn session_id(client: &Client) -> String {
    let sid = claims(client.token())["sid"].as_str().map(str::to_owned);
    sid.expect("a session id")
}

/// The claims in a token, unverified.
pub fn claims(token: &str) -> Value {
    segment(token, 1)
}

/// The header of a token, unverified.
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
