//! SIGHUP reloads manifest and components without losing a request.

use std::fs;

use tempfile::TempDir;

use crate::host::{Host, guest};

/// A folder with the guest as `guest.wasm`.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(guest(), dir.path().join("guest.wasm")).unwrap();
    dir
}

fn body(variable: &str) -> String {
    format!(
        "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n[component.guest]\n\
         source = \"guest.wasm\"\n[component.guest.variables]\nmine = {variable:?}\n"
    )
}

/// The guest with an empty section appended: other bytes, the same behaviour.
fn other_guest() -> Vec<u8> {
    let mut bytes = fs::read(guest()).unwrap();
    bytes.extend(b"\x00\x06\x05other");
    bytes
}

#[tokio::test]
async fn a_reload_applies_the_new_manifest_and_component() {
    let mut host = Host::start_in(folder(), &body("before"), &[]);
    assert_eq!(host.call_guest("variable", "mine").await, "Ok(\"before\")");
    let used: u32 = host.call_guest("uses", "").await.parse().unwrap();
    assert!(used > 1, "expected one instance, used {used} times");
    fs::write(host.path("guest.wasm"), other_guest()).unwrap();
    host.write_manifest(&body("after"));
    assert_eq!(host.reload(), "Reloaded");
    assert_eq!(
        host.call_guest("uses", "").await,
        "1",
        "the response came from a previous instance"
    );
    assert_eq!(host.call_guest("variable", "mine").await, "Ok(\"after\")");
}

#[tokio::test]
async fn a_failed_reload_keeps_the_previous_application() {
    let mut host = Host::start_in(folder(), &body("before"), &[]);
    fs::write(host.path("guest.wasm"), b"no component").unwrap();
    assert_eq!(host.reload(), "Not reloaded");
    assert!(host.next_line().contains("guest.wasm"));
    assert_eq!(host.call_guest("variable", "mine").await, "Ok(\"before\")");
    fs::write(host.path("guest.wasm"), other_guest()).unwrap();
    host.write_manifest("[[trigger.http]]\n");
    assert_eq!(host.reload(), "Not reloaded");
    host.write_manifest(&body("after"));
    assert_eq!(host.reload(), "Reloaded");
    assert_eq!(host.call_guest("variable", "mine").await, "Ok(\"after\")");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_served_by_the_previous_application() {
    let mut host = Host::start_in(folder(), &body("before"), &[]);
    let request = host.request("/", "sleep", "1000");
    let sleeping = tokio::spawn(async move { request.send().await.unwrap().text().await });
    assert!(host.next_line().contains("sleeping"));
    assert_eq!(host.reload(), "Reloaded");
    assert_eq!(sleeping.await.unwrap().unwrap(), "slept");
}
