//! A client with one method an endpoint; every answer is checked for what all answers share.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::Reply;

/// Where the users live.
pub const USERS: &str = "/api/v1/users";

/// Talks to one running app. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    /// The app at `ROSTER_URL`.
    ///
    /// # Panics
    /// When the variable is not set: a suite that skips itself proves nothing.
    pub fn from_env() -> Self {
        let base = std::env::var("ROSTER_URL")
            .expect("ROSTER_URL is not set; run `cargo xtask test`, which starts an app");
        Self::new(&base)
    }

    /// The app at `base`, such as `http://127.0.0.1:3000`.
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(std::time::Duration::from_secs(30))
            .build()
            .expect("an HTTP client");
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// The base URL, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to `path` (with its query), to be finished and given to [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends and checks what every answer has: see [`Reply::check_common`].
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let reply = self.try_send(request).await.expect("an answer");
        reply.check_common();
        reply
    }

    /// Sends; the error is the transport's, such as a refused connection.
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

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// `GET path` with one header.
    pub async fn get_with(&self, path: &str, name: &str, value: &str) -> Reply {
        self.send(self.request(Method::GET, path).header(name, value))
            .await
    }

    /// `POST /api/v1/users`.
    pub async fn create(&self, body: &Value) -> Reply {
        self.send(self.request(Method::POST, USERS).json(body))
            .await
    }

    /// A user that was created just now: the body of the 201.
    pub async fn created(&self, body: &Value) -> Value {
        self.create(body).await.expect(201).json()
    }

    /// `POST /api/v1/users` with bytes as they are.
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

    /// The same with `If-Match`.
    pub async fn patch_if(&self, id: &str, patch: &Value, if_match: &str) -> Reply {
        self.send(self.patch_request(id, patch).header("if-match", if_match))
            .await
    }

    /// A merge patch that is still to be sent.
    pub fn patch_request(&self, id: &str, patch: &Value) -> RequestBuilder {
        self.request(Method::PATCH, &user_path(id))
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string())
    }

    /// `DELETE /api/v1/users/{id}`, unconditionally.
    pub async fn delete(&self, id: &str) -> Reply {
        self.send(self.request(Method::DELETE, &user_path(id)))
            .await
    }

    /// `GET /api/v1/users` with query parameters.
    pub async fn list(&self, parameters: &[(&str, &str)]) -> Reply {
        self.send(self.request(Method::GET, USERS).query(parameters))
            .await
    }
}

/// `/api/v1/users/{id}`.
pub fn user_path(id: &str) -> String {
    format!("{USERS}/{id}")
}

/// The id in a user's body.
pub fn id(user: &Value) -> &str {
    user["id"].as_str().expect("an id")
}
