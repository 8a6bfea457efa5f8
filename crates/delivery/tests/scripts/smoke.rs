//! Runs the smoke test with the real curl against a local server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use super::fixture::Fixture;

/// Serves until the test ends: the given status and content type per path, and 404 for all others.
/// Returns its address, and the requested paths.
fn serve(answers: &'static [(&str, &str)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let found = answers.iter().find(|(known, _)| *known == path);
            let answer = found.map_or("404 Not Found\r\ncontent-type: text/plain", |found| found.1);
            log.lock().unwrap().push(path);
            let end = "content-length: 0\r\nconnection: close\r\n\r\n";
            write!(stream, "HTTP/1.1 {answer}\r\n{end}").unwrap();
        }
    });
    (url, asked)
}

const JSON: &str = "200 OK\r\ncontent-type: application/json";
const PROBLEM_401: &str = "401 Unauthorized\r\ncontent-type: application/problem+json";
const PROBLEM_404: &str = "404 Not Found\r\ncontent-type: application/problem+json";

/// Returns a fixture with the real curl.
fn fixture() -> Fixture {
    let fixture = Fixture::new().without("curl");
    std::os::unix::fs::symlink(super::fixture::find("curl"), fixture.path("tools/curl")).unwrap();
    fixture
}

#[test]
fn a_correct_api_passes() {
    let (url, asked) = serve(&[
        ("/api/v1/health/live", JSON),
        ("/api/v1/health/ready", JSON),
        ("/api/v1/users", PROBLEM_401),
        ("/api/v1/auth/nothing", PROBLEM_404),
    ]);
    fixture().run("smoke.sh", &[&url]).assert_status(0);
    let expected = [
        "/api/v1/health/live",
        "/api/v1/health/ready",
        "/api/v1/users",
        "/api/v1/auth/nothing",
        "/nothing",
        "/metrics",
        "/.well-known/spin/health",
    ];
    assert_eq!(*asked.lock().unwrap(), expected);
}

#[test]
fn failures_are_reported_after_a_bounded_number_of_attempts() {
    let (url, asked) = serve(&[
        ("/api/v1/health/live", JSON),
        ("/api/v1/health/ready", JSON),
        (
            "/api/v1/users",
            "401 Unauthorized\r\ncontent-type: text/html",
        ),
        ("/api/v1/auth/nothing", PROBLEM_404),
        ("/metrics", "200 OK\r\ncontent-type: text/plain"),
    ]);
    let output = fixture().run("smoke.sh", &[&url]).assert_status(1);
    assert!(
        output.contains("/api/v1/users: expected 401 application/problem+json, got: 401 text/html")
    );
    assert!(output.contains("/metrics: expected 404, got: 200 text/plain"));
    assert!(!output.contains("/health: expected"), "{output}");
    assert_eq!(asked.lock().unwrap().len(), 7 + 30);
}

#[test]
fn an_unreachable_address_fails() {
    let output = fixture()
        .run("smoke.sh", &["http://127.0.0.1:1"])
        .assert_status(1);
    assert!(
        output.contains("/api/v1/health/live: expected 200, got: curl: (7)"),
        "{output}"
    );
}
