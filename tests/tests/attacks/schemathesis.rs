//! Tests the app against its own document, by schemathesis with all checks: valid requests are accepted,
//! others rejected, and the document describes every response.
//!
//! Runs a few fixed cases; `cargo xtask fuzz` sets their number and a seed.

use std::path::Path;
use std::process::{Command, Stdio};

use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack};
use tokio::task::block_in_place;

/// Cases per operation and phase.
const EXAMPLES: &str = "10";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn check(caller: &str) {
    let stack = Stack::start_with(&[("log_level", "warn")]).await;
    let program = variable("ROSTER_SCHEMATHESIS").unwrap_or_else(|| {
        panic!("ROSTER_SCHEMATHESIS is not set; run `cargo xtask test`, which installs it")
    });
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemathesis");
    let examples = variable("ROSTER_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|| EXAMPLES.into());
    let url = stack.client.base();
    let own_files = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(files.join("schemathesis.toml"))
        .args(["run", "--checks", "all", "--continue-on-failure"])
        .args(["--max-examples", &examples])
        .arg(format!("{url}/api/openapi.json"))
        .current_dir(own_files.path())
        .env("PYTHONPATH", &files)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("ROSTER_URL", url)
        .env("ROSTER_CALLER", caller)
        .env("ROSTER_ADMIN_EMAIL", ADMIN_EMAIL)
        .env("ROSTER_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .stdin(Stdio::null());
    match variable("ROSTER_SCHEMATHESIS_SEED") {
        Some(seed) => command.args(["--seed", &seed]),
        None => command.arg("--generation-deterministic"),
    };
    let status = block_in_place(|| command.status()).expect("schemathesis runs");
    assert!(
        status.success(),
        "as {caller}: {status}; its report is above"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_to_an_admin_match_the_document() {
    check("admin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_to_a_user_match_the_document() {
    check("user").await;
}
