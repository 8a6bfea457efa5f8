//! Client with one method per endpoint; every response is checked for the common rules.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::Reply;

/// Path of the users.
pub const USERS: &str = "/api/v1/users";
/// Path of the caller's own user.
pub const ME: &str = "/api/v1/users/me";
/// Path of the login.
pub const LOGIN: &str = "/api/v1/auth/login";
/// Path for exchanging a refresh token.
pub const REFRESH: &str = "/api/v1/auth/refresh";
/// Path of the caller's sessions.
pub const SESSIONS: &str = "/api/v1/auth/sessions";
/// Path of the liveness probe.
pub const LIVE: &str = "/api/v1/health/live";

/// Time for which a request without a free hash slot is repeated: all suites share a few slots.
const PATIENCE: Duration = Duration::from_secs(60);
/// Access token of the shared app's administrator, who signs in once per process.
static ADMIN: OnceCell<String> = OnceCell::const_new();

/// Client of one running app, as one caller or anonymous. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    /// Returns a client for the app at `ROSTER_URL`, signed in as the administrator of
    /// `ROSTER_ADMIN_EMAIL` and `ROSTER_ADMIN_PASSWORD`.
    ///
    /// # Panics
    /// If a variable is not set: a suite that skips itself proves nothing.
    pub async fn from_env() -> Self {
        let nobody = Self::anonymous();
        let sign_in = async || {
            let (email, password) = (
                variable("ROSTER_ADMIN_EMAIL"),
                variable("ROSTER_ADMIN_PASSWORD"),
            );
            access_token(&nobody.login(&email, &password).await.expect(200))
        };
        let token = ADMIN.get_or_init(sign_in).await;
        nobody.with_token(token)
    }

    /// Password of [`Client::from_env`]'s administrator.
    pub fn admin_password() -> String {
        variable("ROSTER_ADMIN_PASSWORD")
    }

    /// Anonymous client of the app at `ROSTER_URL`.
    pub fn anonymous() -> Self {
        Self::new(&variable("ROSTER_URL"))
    }

    /// Anonymous client of the app at `base`, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str) -> Self {
        let http = roster_client::http(base)
            .expect("a URL")
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .expect("an HTTP client");
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token: None,
        }
    }

    /// Returns a client of the same app with this access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Returns a client of the same app without a token.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// Returns a client of the same caller for the app at `base`, over new connections.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            token: self.token.clone(),
            ..Self::new(base)
        }
    }

    /// Access token of this caller.
    ///
    /// # Panics
    /// If there is none.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a signed-in client")
    }

    /// Authorization header line, for requests over a bare socket.
    pub fn authorization(&self) -> String {
        match &self.token {
            Some(token) => format!("Authorization: Bearer {token}\r\n"),
            None => String::new(),
        }
    }

    /// Base URL, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Builds a request to `path` (with its query), to be completed and passed to [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and checks the rules for all responses: see [`Reply::check_common`].
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let reply = self.try_send(request).await.expect("a response");
        reply.check_common();
        reply
    }

    /// Sends a request; an error is the transport's, such as a refused connection.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Reply> {
        let (client, request) = request.build_split();
        let request = request?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Reply {
            method,
            path,
            status,
            headers,
            body,
        })
    }

    /// Same as [`Client::send`], repeated while the app has no free hash slot.
    pub async fn send_patiently(&self, request: RequestBuilder) -> Reply {
        let begun = Instant::now();
        loop {
            let again = request.try_clone().expect("a body that can be sent again");
            let reply = self.send(again).await;
            let busy = reply.status == 503 && reply.json()["code"] == "busy";
            if !busy || begun.elapsed() > PATIENCE {
                return reply;
            }
            let seconds = reply.header("retry-after").and_then(|s| s.parse().ok());
            let seconds = seconds.unwrap_or_else(|| panic!("no Retry-After: {reply}"));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }

    /// `POST path` with a JSON body, repeated while no hash slot is free.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send_patiently(self.request(Method::POST, path).json(body))
            .await
    }

    /// `POST /api/v1/auth/login`.
    pub async fn login(&self, email: &str, password: &str) -> Reply {
        self.post(LOGIN, &json!({ "email": email, "password": password }))
            .await
    }

    /// `POST /api/v1/auth/refresh`.
    pub async fn refresh(&self, refresh_token: &str) -> Reply {
        self.post(REFRESH, &json!({ "refresh_token": refresh_token }))
            .await
    }

    /// Checks that a login with these credentials fails.
    ///
    /// # Panics
    /// If the response is anything but 401 `invalid_credentials`.
    pub async fn login_fails(&self, email: &str, password: &str) {
        let reply = self.login(email, password).await;
        reply.problem(401, "invalid_credentials");
    }

    /// Checks that a refresh token is rejected.
    ///
    /// # Panics
    /// If the response is anything but 401 `invalid_refresh_token`.
    pub async fn refresh_fails(&self, refresh_token: &str) {
        let reply = self.refresh(refresh_token).await;
        reply.problem(401, "invalid_refresh_token");
    }

    /// Returns the state of a token (RFC 7662).
    ///
    /// # Panics
    /// If the caller may not introspect tokens.
    pub async fn introspect(&self, token: &str) -> Value {
        let request = self.request(Method::POST, "/api/v1/auth/introspect");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let reply = self.send(request.body(format!("token={token}"))).await;
        reply.expect(200).json()
    }

    /// `POST /api/v1/auth/logout`.
    pub async fn logout(&self) -> Reply {
        self.call(Method::POST, "/api/v1/auth/logout").await
    }

    /// `PUT /api/v1/users/me/password`, repeated while no hash slot is free.
    pub async fn change_password(&self, old: &str, new: &str) -> Reply {
        let body = json!({ "old_password": old, "new_password": new });
        let request = self.request(Method::PUT, "/api/v1/users/me/password");
        self.send_patiently(request.json(&body)).await
    }

    /// Sends a request without a body.
    pub async fn call(&self, method: Method, path: &str) -> Reply {
        self.send(self.request(method, path)).await
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).await
    }

    /// Body of `GET path`, which must get 200.
    pub async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.expect(200).json()
    }

    /// `GET path` with one header.
    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Reply {
        self.send(self.request(Method::GET, path).header(name, value))
            .await
    }

    /// `POST /api/v1/users`.
    pub async fn create(&self, body: &Value) -> Reply {
        self.post(USERS, body).await
    }

    /// Creates a user and returns the body of the 201.
    pub async fn created(&self, body: &Value) -> Value {
        self.create(body).await.expect(201).json()
    }

    /// `POST /api/v1/users` with raw bytes.
    pub async fn create_raw(&self, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
        let request = self
            .request(Method::POST, USERS)
            .header("content-type", content_type);
        self.send(request.body(body)).await
    }

    /// `GET /api/v1/users/{id}`.
    pub async fn user(&self, id: &str) -> Reply {
        self.get(&user_path(id)).await
    }

    /// `PATCH /api/v1/users/{id}`, unconditionally.
    pub async fn patch(&self, id: &str, patch: &Value) -> Reply {
        self.send(self.patch_request(id, patch)).await
    }

    /// Changes the full name of a user; the response must be a 200.
    pub async fn rename(&self, id: &str, full_name: &str) -> Reply {
        let patch = json!({ "full_name": full_name });
        self.patch(id, &patch).await.expect(200)
    }

    /// Deactivates a user who is no admin.
    pub async fn deactivate(&self, id: &str) {
        let patch = json!({ "is_active": false });
        self.patch(id, &patch).await.expect(200);
    }

    /// `PATCH /api/v1/users/{id}` with `If-Match`.
    pub async fn patch_if(&self, id: &str, patch: &Value, if_match: &str) -> Reply {
        self.send(self.patch_request(id, patch).header("if-match", if_match))
            .await
    }

    /// Builds a merge patch request.
    pub fn patch_request(&self, id: &str, patch: &Value) -> RequestBuilder {
        self.request(Method::PATCH, &user_path(id))
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string())
    }

    /// `DELETE /api/v1/users/{id}`, unconditionally.
    pub async fn delete(&self, id: &str) -> Reply {
        self.call(Method::DELETE, &user_path(id)).await
    }

    /// `DELETE /api/v1/users/{id}` by an admin whose password is `password`.
    pub async fn delete_admin(&self, id: &str, password: &str) -> Reply {
        let request = self.request(Method::DELETE, &user_path(id));
        self.send_patiently(request.json(&json!({ "current_password": password })))
            .await
    }

    /// `PATCH /api/v1/users/{id}` by an admin whose password is `password`.
    pub async fn patch_admin(&self, id: &str, patch: &Value, password: &str) -> Reply {
        let mut patch = patch.clone();
        patch["current_password"] = json!(password);
        self.send_patiently(self.patch_request(id, &patch)).await
    }

    /// `GET /api/v1/users` with query parameters.
    pub async fn list(&self, parameters: &[(&str, &str)]) -> Reply {
        self.send(self.request(Method::GET, USERS).query(parameters))
            .await
    }

    /// Body of `GET /api/v1/users` with query parameters, which must get 200.
    pub async fn list_json(&self, parameters: &[(&str, &str)]) -> Value {
        self.list(parameters).await.expect(200).json()
    }
}

/// Path `/api/v1/users/{id}`.
pub fn user_path(id: &str) -> String {
    format!("{USERS}/{id}")
}

/// Id in a user's body.
pub fn id(user: &Value) -> &str {
    user["id"].as_str().expect("an id")
}

/// Access token in a response.
pub fn access_token(reply: &Reply) -> String {
    let token = reply.json()["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no access token: {reply}"))
}

fn variable(name: &str) -> String {
    devservices::provided_or_exit(name)
}
