//! Documentation over HTTP: addresses, forms, caching, and the switch.

use blackbox::stack::Stack;
use blackbox::{Client, Reply, raw};
use reqwest::Method;
use serde_json::Value;

const DOCS: &str = "/api/docs";
const REDOC: &str = "/api/redoc";
const OPENAPI: &str = "/api/openapi.json";

/// Returns the paths of the assets that the pages name.
async fn assets(client: &Client) -> Vec<String> {
    let mut paths = Vec::new();
    for page in [DOCS, REDOC] {
        let html = String::from_utf8(client.get(page).await.expect(200).body).unwrap();
        let links = html
            .split(['"'])
            .filter(|text| text.starts_with("/api/docs/assets/"));
        paths.extend(links.map(str::to_owned));
    }
    assert!(paths.len() >= 6, "{paths:?}");
    paths
}

async fn zipped(client: &Client, path: &str) -> Reply {
    client
        .get_with(path, "accept-encoding", "gzip, br")
        .await
        .expect(200)
}

#[tokio::test]
async fn the_document_describes_this_app() {
    let client = Client::anonymous();
    let reply = client.get(OPENAPI).await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(document["servers"][0]["url"], "/");
    assert!(document["paths"]["/api/v1/users"]["get"].is_object());
    let schemes = document["components"]["securitySchemes"].as_object();
    let mut schemes = schemes.expect("security schemes").values();
    let form = |scheme: &Value| scheme["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token";
    assert!(schemes.any(form), "no password form");
}

#[tokio::test]
async fn files_are_compressed_if_the_client_accepts_gzip() {
    let client = Client::anonymous();
    let mut paths = assets(&client).await;
    paths.extend([DOCS, REDOC, OPENAPI].map(str::to_owned));
    for path in paths {
        let plain = client.get(&path).await.expect(200);
        let zipped = zipped(&client, &path).await;
        assert_eq!(plain.header("content-encoding"), None, "{plain}");
        assert_eq!(zipped.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(&zipped.body[..2], b"\x1f\x8b");
        assert_ne!(plain.etag(), zipped.etag());
        for reply in [&plain, &zipped] {
            assert_eq!(reply.header("vary"), Some("accept-encoding"), "{path}");
            assert_eq!(reply.header("content-type"), plain.header("content-type"));
            let length = reply.header("content-length").unwrap();
            assert_eq!(length, reply.body.len().to_string());
        }
        let again = client.get_with(&path, "if-none-match", plain.etag()).await;
        assert!(again.expect(304).body.is_empty());
        let head = client.call(Method::HEAD, &path).await.expect(200);
        for name in ["content-length", "content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), plain.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn a_304_has_no_body_on_the_wire_and_keeps_the_policy() {
    let client = Client::anonymous();
    let fresh = zipped(&client, DOCS).await;
    let extra = format!(
        "Accept-Encoding: gzip\r\nIf-None-Match: {}\r\n",
        fresh.etag()
    );
    let request = raw::request(&client, "GET", DOCS, &extra, b"");
    let reply = raw::exchange(client.base(), &request).await;
    assert_eq!((reply.status, reply.body.len()), (304, 0), "{reply:?}");
    for name in ["etag", "vary", "cache-control", "content-security-policy"] {
        assert_eq!(reply.header(name), fresh.header(name), "{name}: {reply:?}");
    }
}

#[tokio::test]
async fn assets_are_immutable_and_pages_are_revalidated() {
    let client = Client::anonymous();
    for path in assets(&client).await {
        let reply = zipped(&client, &path).await;
        let caching = reply.header("cache-control");
        assert_eq!(
            caching,
            Some("public, max-age=31536000, immutable"),
            "{path}"
        );
    }
    for path in [DOCS, REDOC, OPENAPI] {
        let reply = zipped(&client, path).await;
        assert_eq!(reply.header("cache-control"), Some("no-cache"), "{path}");
    }
}

#[tokio::test]
async fn the_content_policy_allows_only_own_scripts() {
    let client = Client::anonymous();
    for path in [DOCS, REDOC] {
        let reply = client.get(path).await.expect(200);
        let policy = reply.header("content-security-policy").unwrap();
        let mut parts = policy.split(';').map(str::trim);
        assert!(parts.any(|part| part == "script-src 'self'"), "{reply}");
        assert!(!policy.contains("unsafe-"), "{reply}");
        let html = String::from_utf8_lossy(&reply.body);
        assert!(
            !html.contains("<script>") && !html.contains("http:"),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn other_paths_of_the_group_get_404() {
    let client = Client::anonymous();
    for path in [
        "/api/docs/",
        "/api/docs/index.html",
        "/api/docs/assets",
        "/api/docs/assets/swagger-ui.css",
    ] {
        client.get(path).await.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_gets_404_if_docs_are_disabled() {
    let mut stack = Stack::start().await;
    let nobody = stack.anonymous();
    let mut paths = assets(&nobody).await;
    paths.extend([DOCS, REDOC, OPENAPI].map(str::to_owned));
    stack
        .restart_host(&[("docs_enabled", "false")])
        .expect("a host");
    let nobody = stack.anonymous();
    let unknown = nobody.get("/api/docs/nothing").await;
    let unknown = unknown.problem(404, "not_found");
    for path in paths {
        let problem = nobody.get(&path).await.problem(404, "not_found");
        assert_eq!(problem["detail"], unknown["detail"], "{path}");
    }
    stack
        .restart_host(&[("docs_enabled", "yes")])
        .expect("a host");
    let reply = stack.anonymous().get(DOCS).await;
    reply.problem(500, "internal");
    assert!(
        stack.log().contains("variable docs_enabled:"),
        "{}",
        stack.log()
    );
}
