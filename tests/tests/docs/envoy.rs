//! A real Envoy with the filters of docs/protect-a-service.md, and forward authentication by it.

use std::fs;
use std::path::Path;
use std::process::Command;

use blackbox::{Client, Person};
use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{self, PAGE, Service, block, get, installed, send, start};

/// Address of Roster in the page.
const ROSTER: &str = "https://api.example.com";

/// Starts Envoy in front of `service`, with filters of the page.
pub async fn envoy(app: &str, filters: &str, service: &Service, folder: &Path) -> Service {
    let filters = filters.replace(ROSTER, app);
    let indented: String = filters
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    let cluster = |name: &str, url: &str| {
        let (host, port) = url.rsplit_once(':').expect("a port");
        let host = host.trim_start_matches("http://");
        format!(
            "  - name: {name}\n    load_assignment:\n      cluster_name: {name}\n      endpoints:\n      - lb_endpoints:\n        \
             - endpoint: {{ address: {{ socket_address: {{ address: {host}, port_value: {port} }} }} }}\n"
        )
    };
    let config = format!(
        "admin:\n  address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}\n\
         static_resources:\n  listeners:\n  - name: orders\n    \
         address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}\n    \
         filter_chains:\n    - filters:\n      - name: envoy.filters.network.http_connection_manager\n        \
         typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
         stat_prefix: orders\n          \
         route_config: {{ virtual_hosts: [{{ name: all, domains: ['*'], routes: [{{ match: {{ prefix: / }}, route: {{ cluster: orders }} }}] }}] }}\n\
         {indented}  clusters:\n{}{}",
        cluster("orders", &service.url),
        cluster("roster", app),
    );
    fs::write(folder.join("envoy.yaml"), config).expect("envoy.yaml");
    let admin = folder.join("envoy.admin");
    let mut envoy = Command::new(installed().join("bin/envoy"));
    envoy.args([
        "--config-path",
        "envoy.yaml",
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
    ]);
    envoy
        .arg("--admin-address-path")
        .arg(&admin)
        .current_dir(folder);
    let mut started = start("Envoy", &mut envoy, folder, |log| {
        log.contains("starting main dispatch loop")
            .then(|| "0".to_owned())
    })
    .await;
    let address = fs::read_to_string(&admin).expect("the address of Envoy's administration");
    let listeners = get(&format!("http://{address}/listeners?format=json"), None).await;
    let listeners: Value = serde_json::from_str(&listeners.1).expect("JSON");
    let port = &listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"];
    started.url = format!("http://127.0.0.1:{port}");
    started
}

/// A service behind Envoy that returns the method, the path and the headers that it received.
const ECHO: &str = r#"
from fastapi import FastAPI, Request

app = FastAPI()

@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def echo(path: str, request: Request) -> list[str | None]:
    names = ["x-user-id", "x-user-role", "x-session-id"]
    return [request.method, request.url.path, *map(request.headers.get, names)]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_refuses_a_signed_out_user_at_once() {
    let client = Client::from_env().await;
    let ada = Person::create(&client).await;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("echo.py"), ECHO).expect("echo.py");
    let echo = service::uvicorn("echo", "echo:app", folder, &[]).await;
    let filters = block(PAGE, "Envoy with ext_authz", "yaml");
    let envoy = envoy(client.base(), filters, &echo, folder).await;

    let call = async |method: Method, token: Option<&str>| {
        let orders = format!("{}/orders?page=2", envoy.url);
        let (status, body) = send(method, &orders, token).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    };
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let methods = methods.map(|name| Method::from_bytes(name.as_bytes()).expect("a method"));
    for method in &methods {
        let reply = call(method.clone(), Some(ada.client.token())).await;
        let expected = json!([method.as_str(), "/orders", ada.id, "user", ada.session_id()]);
        assert_eq!(reply, (200, expected));
    }
    ada.client.logout().await.expect(204);
    for method in &methods {
        for token in [Some(ada.client.token()), Some("none"), None] {
            let (status, problem): (_, Value) = call(method.clone(), token).await;
            assert_eq!((status, &problem["code"]), (401, &json!("unauthenticated")));
        }
    }
    // No path of a request leads to another endpoint.
    let host = envoy.url.trim_start_matches("http://");
    for path in ["/../health/live", "/..%2f..%2fhealth/live", "/#", "/?for=/"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let reply = blackbox::raw::exchange(&envoy.url, request.as_bytes()).await;
        assert!([400, 401].contains(&reply.status), "{path}: {reply:?}");
    }
}
