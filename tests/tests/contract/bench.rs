//! The contract of the bench's targets, which its peers keep as well: the app that is compared keeps it.

use std::path::Path;
use std::process::Command;

use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_app_keeps_the_contract_of_the_bench() {
    let stack = Stack::start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/peers/contract.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(stack.client.base())
        .env("ROSTER_ADMIN_EMAIL", ADMIN_EMAIL)
        .env("ROSTER_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .output()
        .expect("python3");
    let differences = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{differences}");
}
