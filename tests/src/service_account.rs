//! Service accounts of the suites.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::id;
use crate::{Client, unique};

/// Path of the resource.
pub const SERVICE_ACCOUNTS: &str = "/api/v1/service-accounts";
/// Every scope.
pub const SCOPES: [&str; 6] = [
    "audit:read",
    "import",
    "sessions:revoke",
    "tokens:introspect",
    "users:read",
    "users:write",
];

/// A service account with one key.
pub struct ServiceAccount {
    pub id: String,
    pub key_id: String,
    /// Sends the key.
    pub client: Client,
}

impl ServiceAccount {
    /// Creates an account with these scopes, and its key.
    ///
    /// # Panics
    /// If it cannot be created.
    pub async fn create(admin: &Client, scopes: &[&str]) -> Self {
        let account = json!({ "name": unique(), "scopes": scopes });
        let account = admin.post(SERVICE_ACCOUNTS, &account).await.expect(201);
        let id = id(&account.json()).to_owned();
        let key = create_key(admin, &id, &json!({})).await;
        Self {
            key_id: key["id"].as_str().expect("an id").to_owned(),
            client: admin.with_token(key["key"].as_str().expect("a key")),
            id,
        }
    }

    /// Path of the account.
    pub fn path(&self) -> String {
        format!("{SERVICE_ACCOUNTS}/{}", self.id)
    }

    /// Path of its key.
    pub fn key_path(&self) -> String {
        format!("{}/keys/{}", self.path(), self.key_id)
    }
}

/// Creates a key of an account, and returns the response.
///
/// # Panics
/// If it cannot be created.
pub async fn create_key(admin: &Client, account: &str, body: &Value) -> Value {
    let path = format!("{SERVICE_ACCOUNTS}/{account}/keys");
    let request = admin.request(Method::POST, &path).json(body);
    admin.send(request).await.expect(201).json()
}
