//! The examples of docs/protect-a-service.md and examples/, started as they stand: FastAPI on Python, Express on Node.js,
//! axum, and a real Envoy in front of one. Go is not run: its modules are in no registry that the tests use.

use std::fs;
use std::path::Path;
use std::process::Command;

use blackbox::Person;
use blackbox::artifact::root;
use blackbox::forge::{Forge, Key};
use blackbox::forged::forged;
use blackbox::host::devhost;
use blackbox::service_account::ServiceAccount;
use blackbox::stack::Stack;
use jwt_simple::prelude::Ed25519KeyPair;
use reqwest::Method;
use serde_json::{Value, json};

use crate::envoy::envoy;
use crate::service::{self, PAGE, Service, block, get, installed, send, start};

/// URL of Roster, and the API key with which the services call it.
pub struct Api<'a> {
    pub url: &'a str,
    pub key: &'a str,
}

impl Api<'_> {
    fn variables(&self) -> [(&str, &str); 2] {
        [("ROSTER_URL", self.url), ("ROSTER_KEY", self.key)]
    }
}

async fn fastapi(api: &Api<'_>, folder: &Path) -> Service {
    let code = root().join("examples/fastapi/orders.py");
    fs::copy(code, folder.join("orders.py")).expect("orders.py");
    service::uvicorn("FastAPI", "orders:app", folder, &api.variables()).await
}

async fn express(api: &Api<'_>, folder: &Path) -> Service {
    let installed = installed();
    // Node.js looks for packages beside the file.
    let modules = folder.join("node_modules");
    std::os::unix::fs::symlink(installed.join("node_modules"), &modules).expect("packages");
    let code = root().join("examples/express/orders.mjs");
    fs::copy(code, folder.join("orders.mjs")).expect("orders.mjs");
    let mut node = Command::new(installed.join("bin/node"));
    node.arg("orders.mjs").current_dir(folder);
    node.envs(api.variables()).env("PORT", "0");
    start("Express", &mut node, folder, |log| {
        let (_, rest) = log.split_once("port ")?;
        Some(rest.split_once('\n')?.0.to_owned())
    })
    .await
}

pub async fn axum(api: &Api<'_>, folder: &Path) -> Service {
    let program = devhost().expect("programs").with_file_name("example-axum");
    let mut axum = Command::new(program);
    axum.envs(api.variables()).env("LISTEN", "127.0.0.1:0");
    start("axum", &mut axum, folder, |log| {
        let (_, rest) = log.split_once("listening on http://127.0.0.1:")?;
        Some(rest.split_once('\n')?.0.to_owned())
    })
    .await
}

/// Another spelling of a valid signature, whose last character has unused bits. Most libraries ignore them, and
/// nobody can make one without a valid token; Roster rejects it.
const OTHER_SPELLING: &str = "signature with trailing bits";

/// Returns tokens that were made without the key.
fn forgeries(forge: &Forge) -> Vec<(String, String)> {
    let mut all = forged(forge);
    all.retain(|(name, token)| {
        name != OTHER_SPELLING
            && match token.rsplit_once('.') {
                Some((input, _)) => forge.sealed(input) != *token,
                None => true,
            }
    });
    all
}

async fn accepts_tokens_of_roster_only(service: &Service, ada: &Person, forge: &Forge) {
    let name = service.name;
    let orders = format!("{}/orders", service.url);
    let (status, body) = get(&orders, Some(ada.client.token())).await;
    assert_eq!(status, 200, "{name}: {body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body, json!({ "user": ada.id }), "{name}");
    assert_eq!(get(&orders, None).await.0, 401, "{name} without a token");
    for claim in ["iss", "aud"] {
        let token = forge.with_claim(claim, json!("another"));
        let (status, body) = get(&orders, Some(&token)).await;
        // Envoy distinguishes an audience that is not allowed.
        let forbidden = name == "Envoy" && claim == "aud";
        let expected = if forbidden { 403 } else { 401 };
        assert_eq!(status, expected, "{name}: {claim}: {body}");
    }
    let forgeries = forgeries(forge);
    assert!(forgeries.len() > 30, "{}", forgeries.len());
    for (forgery, token) in forgeries {
        let (status, body) = get(&orders, Some(&token)).await;
        assert_ne!(status, 200, "{name}: {forgery}: {body}");
    }
}

/// Checks the operation for which a service lets Roster check the token, before and after the user signs out.
async fn introspects(services: &[&Service], stack: &Stack) {
    let ada = Person::create(&stack.client).await;
    let account = ServiceAccount::create(&stack.client, &["users:read"]).await;
    let post = async |service: &Service, token: Option<&str>| {
        let orders = format!("{}/orders", service.url);
        send(Method::POST, &orders, token).await
    };
    for service in services {
        for (token, id) in [
            (ada.client.token(), &ada.id),
            (account.client.token(), &account.id),
        ] {
            let (status, body) = post(service, Some(token)).await;
            assert_eq!(status, 200, "{}: {body}", service.name);
            let body: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body, json!({ "user": id }), "{}", service.name);
        }
        for token in [None, Some("none"), Some("")] {
            assert_eq!(
                post(service, token).await.0,
                401,
                "{}: {token:?}",
                service.name
            );
        }
    }
    ada.client.logout().await.expect(204);
    let key = account.key_path();
    let deleted = stack.client.call(Method::DELETE, &key).await;
    deleted.expect(204);
    for service in services {
        for token in [ada.client.token(), account.client.token()] {
            assert_eq!(post(service, Some(token)).await.0, 401, "{}", service.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_accept_tokens_of_roster_only() {
    installed();
    let pair = Ed25519KeyPair::generate();
    let stack = Stack::start_with(&[
        ("jwt_algorithm", "EdDSA"),
        ("jwt_secret", ""),
        ("jwt_private_key", &pair.to_pem()),
        ("jwt_public_key", &pair.public_key().to_pem()),
    ])
    .await;
    let ada = Person::create(&stack.client).await;
    let forge = Forge::from_token(Key::EdDsa(Box::new(pair)), ada.client.token());
    let folder = tempfile::tempdir().expect("a folder");
    let account = ServiceAccount::create(&stack.client, &["tokens:introspect"]).await;
    let api = Api {
        url: stack.client.base(),
        key: account.client.token(),
    };
    let fastapi = fastapi(&api, folder.path()).await;
    let express = express(&api, folder.path()).await;
    let axum = axum(&api, folder.path()).await;
    let filters = block(PAGE, "Envoy", "yaml");
    let envoy = envoy(api.url, filters, &fastapi, folder.path()).await;
    let all = [&fastapi, &express, &axum, &envoy];
    for service in all {
        accepts_tokens_of_roster_only(service, &ada, &forge).await;
    }
    introspects(&[&fastapi, &express, &axum], &stack).await;
    // The limit that the page names: a signature proves no session.
    ada.client.logout().await.expect(204);
    ada.client.get(blackbox::client::ME).await.expect(401);
    for service in all {
        let orders = format!("{}/orders", service.url);
        assert_eq!(get(&orders, Some(ada.client.token())).await.0, 200);
    }
    // Nor can a service check a token while Roster does not respond: it refuses the request.
    drop(stack);
    for service in [&fastapi, &express, &axum] {
        let orders = format!("{}/orders", service.url);
        let (status, _) = send(Method::POST, &orders, Some(ada.client.token())).await;
        assert_eq!(status, 503, "{}", service.name);
    }
}
