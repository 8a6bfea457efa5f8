//! Failures on Spin are failures here: rejections by the host, as a component and a client see them.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test runs natively and fails by panicking"
)]

#[path = "strictness/host.rs"]
mod host;
#[path = "strictness/outbound.rs"]
mod outbound;
#[path = "strictness/reload.rs"]
mod reload;
#[path = "strictness/services.rs"]
mod services;

use std::io::{Read, Write};
use std::net::TcpStream;

use host::{Host, guest, manifest, refusal};

#[tokio::test]
async fn a_component_sees_only_its_own_variables() {
    let variables = "[component.guest.variables]\nmine = \"<{{ theirs }}>\"\n[variables]\ntheirs = { default = \"x\" }\n";
    let host = Host::start(&manifest(variables), &[]);
    assert_eq!(host.call_guest("variable", "mine").await, r#"Ok("<x>")"#);
    let undeclared = host.call_guest("variable", "theirs").await;
    assert!(
        undeclared.starts_with("Err(Error::Undefined("),
        "{undeclared}"
    );
    let invalid = host.call_guest("variable", "Not-A-Name").await;
    assert!(invalid.starts_with("Err(Error::InvalidName("), "{invalid}");
}

#[tokio::test]
async fn dotenv_is_read_and_arguments_take_precedence() {
    let variables = "[component.guest.variables]\na = \"{{ a }}\"\nb = \"{{ b }}\"\n[variables]\na = { required = true }\nb = { default = \"1\" }\n";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join(".env"),
        "SPIN_VARIABLE_A=env\nSPIN_VARIABLE_B=env\n",
    )
    .unwrap();
    let host = Host::start_in(dir, &manifest(variables), &["--variable", "b=argument"]);
    assert_eq!(host.call_guest("variable", "a").await, r#"Ok("env")"#);
    assert_eq!(host.call_guest("variable", "b").await, r#"Ok("argument")"#);
}

#[test]
fn a_required_variable_without_a_value_fails_startup() {
    let error = refusal(
        &manifest("[variables]\nneeded_here = { required = true }\n"),
        &[],
    );
    assert!(
        error.contains("`needed_here`") && error.contains("SPIN_VARIABLE_NEEDED_HERE"),
        "{error}"
    );
}

#[test]
fn a_template_with_an_unknown_variable_fails_startup() {
    let error = refusal(
        &manifest("[component.guest.variables]\na = \"{{ nowhere }}\"\n"),
        &[],
    );
    assert!(
        error.contains("`guest`") && error.contains("`nowhere`"),
        "{error}"
    );
    let hosts = "allowed_outbound_hosts = [\"postgres://{{ nowhere }}:1\"]\n";
    let error = refusal(&manifest(hosts), &[]);
    assert!(error.contains("`nowhere`"), "{error}");
}

#[test]
fn an_unsupported_import_fails_startup() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lacking.wasm");
    let text =
        r#"(component (import "spin:key-value/key-value@3.0.0" (instance (export "f" (func)))))"#;
    std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    let error = refusal(
        &format!("[trigger]\n[component.lacking]\nsource = {file:?}\n"),
        &[],
    );
    assert!(error.contains("`lacking`"), "{error}");
    assert!(error.contains("spin:key-value/key-value@3.0.0"), "{error}");
}

#[test]
fn a_missing_component_file_is_reported_with_the_build_command() {
    let component = "[trigger]\n[component.unbuilt]\nsource = \"unbuilt.wasm\"\n[component.unbuilt.build]\ncommand = \"make it\"\n";
    let error = refusal(component, &[]);
    assert!(
        error.contains("`unbuilt`") && error.contains("`make it`"),
        "{error}"
    );
}

#[tokio::test]
async fn an_undeclared_host_is_rejected() {
    let hosts = "allowed_outbound_hosts = [\"postgres://127.0.0.1:1\", \"redis://127.0.0.1:1\"]\n";
    let host = Host::start(&manifest(hosts), &[]);
    let refused = host
        .call_guest("postgres-open", "host=127.0.0.1 port=2 user=u")
        .await;
    assert!(
        refused.contains("address postgres://127.0.0.1:2 is not permitted"),
        "{refused}"
    );
    let url = host
        .call_guest("postgres-open", "postgres://u:p@127.0.0.2:1/d")
        .await;
    assert!(
        url.contains("address postgres://127.0.0.2:1 is not permitted"),
        "{url}"
    );
    let allowed = host
        .call_guest(
            "postgres-open",
            "postgres://u:p@127.0.0.1:1/d?sslmode=disable",
        )
        .await;
    assert!(
        allowed.contains("ConnectionFailed") && !allowed.contains("permitted"),
        "{allowed}"
    );
    assert_eq!(
        host.call_guest("redis-open", "redis://127.0.0.1:2").await,
        "Err(Error::InvalidAddress)"
    );
    assert_eq!(
        host.call_guest("redis-open", "rediss://127.0.0.1:1").await,
        "Err(Error::InvalidAddress)"
    );
    let allowed = host.call_guest("redis-open", "redis://127.0.0.1:1").await;
    assert!(allowed.starts_with("Err(Error::Other("), "{allowed}");
    assert_eq!(
        host.call_guest("http", &host.url).await,
        "Err(ErrorCode::HttpRequestDenied)"
    );
}

#[tokio::test]
async fn a_panic_returns_an_empty_500_and_replaces_the_instance() {
    let host = Host::start(&manifest(""), &[]);
    assert_eq!(host.call_guest("uses", "").await, "1");
    assert_eq!(host.call_guest("uses", "").await, "2");
    for action in ["panic", "fail"] {
        let response = host.request("/", action, "text").send().await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get("content-type"), None);
        assert_eq!(response.text().await.unwrap(), "");
    }
    let after = host.call_guest("uses", "").await;
    assert_eq!(
        after, "2",
        "an error must not end an instance, a panic must"
    );
}

#[tokio::test]
async fn an_instance_serves_128_requests() {
    let host = Host::start(&manifest(""), &[]);
    for use_number in 1..=128 {
        assert_eq!(host.call_guest("uses", "").await, use_number.to_string());
    }
    assert_eq!(host.call_guest("uses", "").await, "1");
}

#[tokio::test]
async fn routes_go_to_the_most_specific_trigger() {
    let source = guest();
    let routes = format!(
        "[[trigger.http]]\nroute = \"/guest/...\"\ncomponent = \"guest\"\n\
         [[trigger.http]]\nroute = \"/guest/:user_id/one\"\ncomponent = \"guest\"\n\
         [[trigger.http]]\nroute = \"/guest/fixed\"\n[trigger.http.static_response]\nstatus_code = 418\nbody = \"fixed\"\n\
         [trigger.http.static_response.headers]\ncontent-type = \"text/x\"\n\
         [component.guest]\nsource = {source:?}\n"
    );
    let host = Host::start(&routes, &[]);
    let headers = async |path: &str| {
        let request = host
            .request(path, "headers", "")
            .header("spin-client-addr", "forged");
        request.send().await.unwrap().text().await.unwrap()
    };
    let wild = headers("/guest/a/b/?q=1").await;
    for line in [
        "spin-path-info: /a/b/",
        "spin-matched-route: /guest/...",
        "spin-raw-component-route: /guest/...",
        "spin-component-route: /guest",
        "spin-base-path: /",
        &format!("spin-full-url: {}/guest/a/b/?q=1", host.url),
    ] {
        assert!(wild.lines().any(|l| l == line), "no {line} in {wild}");
    }
    let addresses: Vec<_> = wild
        .lines()
        .filter(|l| l.starts_with("spin-client-addr"))
        .collect();
    assert_eq!(addresses.len(), 2, "{wild}");
    assert_eq!(addresses[0], "spin-client-addr: forged");
    assert!(
        addresses[1].starts_with("spin-client-addr: 127.0.0.1:"),
        "{wild}"
    );
    assert!(
        headers("/guest/7/one")
            .await
            .contains("spin-path-match-user-id: 7")
    );
    assert!(headers("/guest").await.contains("spin-path-info: \n"));

    let fixed = host.request("/guest/fixed/", "", "").send().await.unwrap();
    assert_eq!(fixed.status(), 418);
    assert_eq!(fixed.headers()["content-type"], "text/x");
    assert_eq!(fixed.text().await.unwrap(), "fixed");
    let missing = host.request("/missing", "", "").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.text().await.unwrap(), "");
}

#[tokio::test]
async fn the_host_serves_its_own_paths() {
    let host = Host::start(&manifest(""), &[]);
    let get = async |path: &str| {
        let response = host.request(path, "", "").send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(
        get("/.well-known/spin/health").await,
        (200, "OK".to_owned())
    );
    let (status, info) = get("/.well-known/spin/info").await;
    let info: std::collections::BTreeMap<String, String> = serde_json::from_str(&info).unwrap();
    assert_eq!(
        (status, &*info["name"], &*info["version"]),
        (200, "strictness", "1.2.3")
    );
    assert_eq!(get("/.well-known/spin/other").await, (404, String::new()));
}

#[tokio::test]
async fn a_request_without_an_unambiguous_authority_gets_no_response() {
    let host = Host::start(&manifest(""), &[]);
    let address = host.url.strip_prefix("http://").unwrap();
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET http://other/ HTTP/1.1\r\nHost: one\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        assert_eq!(String::from_utf8_lossy(&response), "", "{head}");
    }
    assert_eq!(host.call_guest("uri", "").await, format!("{}/", host.url));
}

/// Spin passes headers to a component as text and responds itself if one is not text.
#[tokio::test]
async fn a_header_that_is_not_utf_8_gets_an_empty_500() {
    let host = Host::start(&manifest(""), &[]);
    let mut stream = TcpStream::connect(host.url.strip_prefix("http://").unwrap()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: \xff\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
    assert_eq!(body, "");
    assert_eq!(
        host.call_guest("uses", "").await,
        "1",
        "the request must not reach a component"
    );
}

#[tokio::test]
async fn requests_in_flight_finish_before_shutdown() {
    let mut host = Host::start(&manifest(""), &[]);
    let slow = tokio::spawn(host.request("/", "sleep", "700").send());
    let (line, host) = tokio::task::spawn_blocking(move || (host.next_line(), host))
        .await
        .unwrap();
    assert_eq!(line, "sleeping\n");
    assert_eq!(host.call_guest("print", "one whole line").await, "");
    let url = host.url.clone();
    let (code, stderr) = tokio::task::spawn_blocking(move || host.stop())
        .await
        .unwrap();
    let response = slow.await.unwrap().unwrap();
    assert_eq!(response.text().await.unwrap(), "slept");
    assert_eq!(code, Some(0));
    assert_eq!(stderr, "one whole line\n");
    assert!(reqwest::get(url).await.is_err());
}
