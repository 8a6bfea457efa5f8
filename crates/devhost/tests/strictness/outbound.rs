//! Outgoing HTTP: only to hosts in `allowed_outbound_hosts`; an entry that comes out empty allows none.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::host::{Host, manifest, refusal};

const DENIED: &str = "Err(ErrorCode::HttpRequestDenied)";

/// Responds to every request with `status`; returns its port and the heads of the requests.
fn server(status: &'static str) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heads) = channel();
    // Ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            // The empty line at the end has two bytes. Other protocols end sooner, or not in text.
            while stream.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {}
            let _ = sender.send(head);
            let response =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.get_mut().write_all(response.as_bytes());
        }
    });
    (port, heads)
}

fn start(entry: &str, variable: &str) -> Host {
    let declared = format!(
        "allowed_outbound_hosts = [{entry:?}]\n[variables]\nserver = {{ default = \"\" }}\n"
    );
    Host::start(
        &manifest(&declared),
        &["--variable", &format!("server={variable}")],
    )
}

#[tokio::test]
async fn only_declared_hosts_are_reachable() {
    let (port, heads) = server("404 Not Found");
    let (other, unasked) = server("200 OK");
    let host = start(&format!("http://127.0.0.1:{port}"), "");
    let url = format!("http://127.0.0.1:{port}/a?b=c");
    assert_eq!(host.call_guest("http", &url).await, "Ok(404)");
    let head = heads.recv().unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    let authority = format!("\r\nhost: 127.0.0.1:{port}\r\n");
    assert_eq!(head.matches(&authority).count(), 1, "{head}");
    for url in [
        format!("http://127.0.0.1:{other}"),
        format!("https://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("http://[::1]:{port}"),
        format!("http://127.0.0.1:{port}@127.0.0.2:{port}"),
        "http://127.0.0.1".to_owned(),
        host.url.clone(),
        "http://self.alt".to_owned(),
        "http://guest.spin.internal".to_owned(),
    ] {
        assert_eq!(host.call_guest("http", &url).await, DENIED, "{url}");
    }
    assert!(heads.try_recv().is_err() && unasked.try_recv().is_err());
}

#[tokio::test]
async fn the_application_reaches_itself_if_declared() {
    for entry in ["http://self", "http://self.alt"] {
        let host = start(entry, "");
        assert_eq!(
            host.call_guest("http", "http://self.alt/a").await,
            "Ok(200)"
        );
        assert_eq!(host.call_guest("http", &host.url).await, DENIED);
    }
}

#[tokio::test]
async fn redirects_are_returned_to_the_component() {
    let (other, unasked) = server("200 OK");
    let redirect: &str = format!("302 Found\r\nlocation: http://127.0.0.1:{other}").leak();
    let (port, _heads) = server(redirect);
    let host = start(&format!("http://127.0.0.1:{port}"), "");
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(host.call_guest("http", &url).await, "Ok(302)");
    assert!(unasked.try_recv().is_err());
}

#[tokio::test]
async fn a_template_allows_the_host_of_its_variable() {
    let (port, _heads) = server("200 OK");
    let url = format!("http://127.0.0.1:{port}");
    let open = start("{{ server }}", &url);
    assert_eq!(open.call_guest("http", &url).await, "Ok(200)");
    for entry in [
        "{{ server }}",
        "http://{{ server }}",
        "https://{{ server }}",
    ] {
        let closed = start(entry, "");
        for url in [&*url, "http://127.0.0.1", "https://127.0.0.1"] {
            assert_eq!(
                closed.call_guest("http", url).await,
                DENIED,
                "{entry}: {url}"
            );
        }
    }
}

#[test]
fn an_empty_entry_or_a_path_fails_startup() {
    let literal = refusal(&manifest("allowed_outbound_hosts = [\"\"]\n"), &[]);
    assert!(literal.contains("does not contain a scheme"), "{literal}");
    let with_path = manifest("allowed_outbound_hosts = [\"http://127.0.0.1/path\"]\n");
    let with_path = refusal(&with_path, &[]);
    assert!(with_path.contains("must not include a path"), "{with_path}");
}

#[tokio::test]
async fn refused_connections_and_tls_errors_are_distinguished() {
    let (port, _heads) = server("200 OK");
    let host = start("*://127.0.0.1:*", "");
    let tls = host
        .call_guest("http", &format!("https://127.0.0.1:{port}"))
        .await;
    assert_eq!(tls, "Err(ErrorCode::TlsProtocolError)");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let free = address.unwrap().port();
    let refused = host
        .call_guest("http", &format!("http://127.0.0.1:{free}"))
        .await;
    assert_eq!(refused, "Err(ErrorCode::ConnectionRefused)");
}
