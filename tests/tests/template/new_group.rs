//! `cargo xtask new-group`: the generated group builds, serves requests and passes the delivery checks unmodified.
//!
//! Only the component of the group is compiled; the dependencies, the host and the other components are those of
//! this checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use blackbox::artifact::{components, copy_tracked};
use blackbox::host::devhost;
use blackbox::stack::{Stack, needs_host};
use blackbox::{Client, Person};
use serde_json::json;
use tempfile::TempDir;

const ORDERS: &str = "/api/v1/orders";

/// Copies the files that git tracks. The packages get another version, by which cargo distinguishes them from those of
/// this checkout in the target folder that both share.
fn copy_tree() -> TempDir {
    let copy = TempDir::with_prefix("roster-new-group-").unwrap();
    copy_tracked(&[], copy.path()).unwrap();
    let manifest = copy.path().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let own = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&own));
    fs::write(manifest, text.replacen(&own, "\nversion = \"0.0.0\"\n", 1)).unwrap();
    copy
}

/// Runs a program of the workspace, which is built beside the host.
fn run(program: &str, arguments: &[&str]) -> Output {
    let program = devhost().unwrap().with_file_name(program);
    let output = Command::new(&program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}

/// Returns the text on standard error.
#[track_caller]
fn assert_success(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}\n{printed}{errors}"
    );
    errors
}

/// Runs the commands of the guide in the copy, and returns its manifest.
fn add_orders(copy: &Path) -> PathBuf {
    let folder = copy.to_str().unwrap();
    let command = ["new-group", "orders", "--root", folder, "--no-derived"];
    assert_success("xtask", &command);
    let again = run("xtask", &command);
    let errors = String::from_utf8_lossy(&again.stderr);
    assert!(!again.status.success(), "{errors}");
    assert!(
        errors.contains("components/orders already exists"),
        "{errors}"
    );
    let built = assert_success("xtask", &["build", "orders", "--root", folder]);
    assert!(!built.contains("warning: "), "{built}");
    for (name, built) in components().unwrap() {
        let expected = copy.join(format!("target/wasm32-wasip2/release/{name}.wasm"));
        fs::copy(built, expected).unwrap();
    }
    copy.join("spin.toml")
}

/// Calls both endpoints as each kind of caller.
async fn check_access(admin: &Client) {
    let body = json!({ "name": "First order" });
    let created = admin.post(ORDERS, &body).await.expect(201).json();
    let page = admin.get(ORDERS).await.expect(200).json();
    assert_eq!(page, json!({ "items": [created], "next": null }));
    let user = Person::create(admin).await.client;
    user.post(ORDERS, &body).await.problem(403, "forbidden");
    user.get(ORDERS).await.problem(403, "forbidden");
    let anonymous = admin.without_token();
    anonymous.get(ORDERS).await.problem(401, "unauthenticated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_group_serves_requests_and_passes_delivery_checks() {
    needs_host();
    let begun = Instant::now();
    let copy = copy_tree();
    let manifest = add_orders(copy.path());
    eprintln!("generated and built in {:?}", begun.elapsed());
    let stack = Stack::start_from(&manifest).await.unwrap();
    let migrations = fs::read_dir(copy.path().join("migrations")).unwrap();
    let mut migrations = migrations.map(|entry| entry.unwrap().path());
    let added = migrations.find(|path| path.to_string_lossy().ends_with("_orders.sql"));
    let sql = fs::read_to_string(added.unwrap()).unwrap();
    stack.database().await.batch_execute(&sql).await.unwrap();
    check_access(&stack.client).await;
    for overlay in ["dev", "staging", "prod"] {
        assert_success("manifests", &[overlay, copy.path().to_str().unwrap()]);
    }
    eprintln!("served and checked in {:?}", begun.elapsed());
}
