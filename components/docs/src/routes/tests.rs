//! Tests of the router within [`App`], as in the component.

use axum::http::{HeaderMap, Request};
use futures::executor::block_on;
use http_body_util::BodyExt;
use web::App;
use web::wiring::testing::quiet;

use super::*;

const PATHS: [&str; 3] = ["/api/docs", "/api/redoc", "/api/openapi.json"];

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }
}

fn send(enabled: bool, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let app = App::new(router(enabled), &quiet());
    let response = block_on(app.handle(request.body(Body::empty()).unwrap()));
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: block_on(body.collect()).unwrap().to_bytes().to_vec(),
    }
}

fn get(path: &str, headers: &[(&str, &str)]) -> Reply {
    send(true, "GET", path, headers)
}

fn path_of(asset: &File) -> String {
    format!("/api/docs/assets/{}", asset.name)
}

/// One path of each kind.
fn paths() -> Vec<String> {
    let first = path_of(&ASSETS[0]);
    PATHS
        .map(str::to_owned)
        .into_iter()
        .chain([first])
        .collect()
}

#[test]
fn both_encodings_have_equal_content_and_different_etags() {
    for path in PATHS {
        let plain = get(path, &[]);
        let zipped = get(path, &[("accept-encoding", "br, gzip")]);
        assert_eq!((plain.status, zipped.status), (200, 200));
        assert_eq!(plain.header("content-encoding"), "");
        assert_eq!(zipped.header("content-encoding"), "gzip");
        assert!(zipped.body.len() < plain.body.len());
        let tag = plain.header("etag").trim_matches('"');
        assert_eq!(zipped.header("etag"), format!("\"{tag}-gzip\""));
        for reply in [&plain, &zipped] {
            assert_eq!(reply.header("vary"), "accept-encoding");
            assert_eq!(reply.header("cache-control"), "no-cache");
            assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        }
    }
}

#[test]
fn a_matching_if_none_match_gets_304_with_the_policy() {
    for path in PATHS {
        let fresh = get(path, &[]);
        let again = get(path, &[("if-none-match", fresh.header("etag"))]);
        assert_eq!((again.status, again.body.len()), (304, 0));
        for name in ["etag", "vary", "cache-control", "content-security-policy"] {
            assert_eq!(again.header(name), fresh.header(name), "{name} of {path}");
        }
        let other = [
            ("if-none-match", fresh.header("etag")),
            ("accept-encoding", "gzip"),
        ];
        assert_eq!(get(path, &other).status, 200);
        assert_eq!(get(path, &[("if-none-match", "nonsense")]).status, 400);
    }
}

#[test]
fn assets_are_cached_as_immutable() {
    for asset in ASSETS {
        let path = path_of(asset);
        let reply = get(&path, &[("accept-encoding", "gzip")]);
        assert_eq!(reply.status, 200, "{path}");
        assert_eq!(reply.header("cache-control"), IMMUTABLE);
        assert_eq!(reply.body, asset.gzip);
        assert_eq!(get(&path, &[]).body.len(), asset.length);
    }
    for unknown in ["swagger-ui.css", "..%2fopenapi.json", "%ff"] {
        let reply = get(&format!("/api/docs/assets/{unknown}"), &[]);
        assert!(matches!(reply.status, 400 | 404), "{unknown}");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
}

#[test]
fn the_content_policy_allows_only_own_scripts() {
    for path in ["/api/docs", "/api/redoc"] {
        let reply = get(path, &[]);
        let policy = reply.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"));
        assert!(
            policy.contains("connect-src 'self';") && policy.contains("frame-ancestors 'none'")
        );
        assert!(!policy.contains("unsafe-") && !policy.contains("http"));
        let html = String::from_utf8(reply.body).unwrap();
        let scripts = html.matches("<script").count();
        assert_eq!(html.matches(" defer></script>").count(), scripts);
        assert!(!html.contains("style="), "{html}");
    }
    let document = get("/api/openapi.json", &[]);
    let policy = document.header("content-security-policy");
    assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
}

#[test]
fn head_is_get_without_the_body() {
    for path in paths() {
        for headers in [&[][..], &[("accept-encoding", "gzip")]] {
            let (get, head) = (get(&path, headers), send(true, "HEAD", &path, headers));
            assert_eq!((head.status, head.body.len()), (200, 0));
            for name in ["content-length", "content-type", "etag", "cache-control"] {
                assert_eq!(head.header(name), get.header(name), "{name} of {path}");
            }
        }
    }
}

#[test]
fn every_path_is_unknown_if_docs_are_disabled() {
    for path in paths() {
        for method in ["GET", "POST"] {
            let reply = send(false, method, &path, &[("x-request-id", "r1")]);
            let unknown = send(true, method, "/api/docs/", &[("x-request-id", "r1")]);
            assert_eq!(
                (reply.status, unknown.status),
                (404, 404),
                "{method} {path}"
            );
            assert_eq!(reply.headers.len(), unknown.headers.len());
            let text = String::from_utf8(reply.body).unwrap();
            let text = text.replace(&format!("{path:?}"), "\"/api/docs/\"");
            assert_eq!(text.as_bytes(), unknown.body);
        }
    }
}
