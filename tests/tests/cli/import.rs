//! `roster users import`: its report, its progress, and continuation after an interruption.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use blackbox::relay::Relay;
use blackbox::stack::Stack;
use blackbox::{Client, Person, unique};
use serde_json::{Value, json};

use crate::commands::Cli;

fn line(name: &str, n: usize) -> String {
    let user = json!({ "email": format!("{name}.{n}@example.com"), "full_name": "Crowd", "external_id": format!("{name}.{n}") });
    format!("{user}\n")
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", file.display()))
}

/// Returns once the first batch is imported, or the import has ended.
async fn until_begun(file: &Path, child: &mut Child) {
    let (begun, progress) = (Instant::now(), beside(file, ".progress"));
    while !progress.exists() && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no progress");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn count(admin: &Client, name: &str) -> Value {
    let query = [("q", name), ("limit", "1"), ("include_total", "true")];
    admin.list_json(&query).await["total"].clone()
}

#[tokio::test]
async fn rejected_lines_are_reported_and_a_repetition_changes_nothing() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let (name, folder) = (unique(), tempfile::tempdir().unwrap());
    let file = folder.path().join("users.ndjson");
    let mut lines: Vec<_> = (0..1_200).map(|n| line(&name, n)).collect();
    lines[700] = "{\"email\":\n".to_owned();
    lines[1_199] = line(&name, 0);
    fs::write(&file, lines.concat()).unwrap();
    let path = file.to_str().unwrap();
    let import = ["--output", "json", "users", "import", path, "--progress"];
    for run in 0..2 {
        let output = cli.run(&import, 1);
        let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
        // The last line repeats the first one in another request.
        let expected = [(1_198, 1), (0, 1_199)][run];
        let expected = json!({ "created": expected.0, "unchanged": expected.1, "rejected": 1 });
        assert_eq!(counts, expected);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("1 lines were rejected"), "{said}");
        let report = fs::read_to_string(beside(&file, ".rejected.ndjson")).unwrap();
        let report: Value = serde_json::from_str(report.trim_end()).unwrap();
        assert_eq!(report["line"], 701, "{report}");
        assert!(!report["errors"][0]["detail"].as_str().unwrap().is_empty());
        assert!(!beside(&file, ".progress").exists());
    }
    assert_eq!(count(&admin, &name).await, 1_198);
}

#[tokio::test]
async fn a_killed_import_continues_without_losing_or_doubling_users() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create_admin(&admin).await).await;
    let (name, folder) = (unique(), tempfile::tempdir().unwrap());
    let file = folder.path().join("users.ndjson");
    let total = 6_000;
    let lines: String = (0..total).map(|n| line(&name, n)).collect();
    fs::write(&file, lines).unwrap();
    let import = ["users", "import", file.to_str().unwrap()];
    let mut child = cli.command(&import).stdout(Stdio::null()).spawn().unwrap();
    until_begun(&file, &mut child).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let counts = cli.json(&import);
    assert_eq!(counts["rejected"], 0, "{counts}");
    let all = counts["created"].as_u64().unwrap() + counts["unchanged"].as_u64().unwrap();
    assert_eq!(all, total as u64, "{counts}");
    assert_eq!(count(&admin, &name).await, total);
    assert!(!beside(&file, ".progress").exists());
    assert!(!beside(&file, ".rejected.ndjson").exists());
}

/// Imports new users by `roster`, causes faults once the first batch is imported, and checks that every user exists once.
async fn import_during(
    stack: &mut Stack,
    url: &str,
    total: usize,
    faults: impl FnOnce(&mut Stack),
) {
    let admin = Person::create_admin(&stack.client.at(url)).await;
    let cli = Cli::signed_in(&admin).await;
    let (name, folder) = (unique(), tempfile::tempdir().unwrap());
    let file = folder.path().join("users.ndjson");
    let lines: String = (0..total).map(|n| line(&name, n)).collect();
    fs::write(&file, lines).unwrap();
    let import = ["--output", "json", "users", "import"];
    let mut child = cli.command(&[import.as_slice(), &[file.to_str().unwrap()]].concat());
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    until_begun(&file, &mut child).await;
    faults(stack);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = counts["created"].as_u64().unwrap() + counts["unchanged"].as_u64().unwrap();
    assert_eq!(all, total as u64, "{counts}");
    assert_eq!(count(&stack.client, &name).await, total);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_outlasts_a_crash_of_postgres() {
    let mut stack = Stack::start_durable().await;
    let url = stack.client.base().to_owned();
    let faults = |stack: &mut Stack| {
        stack.crash_postgres();
        stack.start_postgres();
    };
    import_during(&mut stack, &url, 6_000, faults).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_outlasts_kills_of_the_host() {
    let mut stack = Stack::start().await;
    let relay = Relay::start(stack.client.base()).await.unwrap();
    let faults = |stack: &mut Stack| {
        for _ in 0..3 {
            stack.kill_host().unwrap();
            relay.retarget(stack.client.base());
        }
    };
    import_during(&mut stack, &relay.url, 12_000, faults).await;
}

#[tokio::test]
async fn a_missing_file_and_an_import_by_a_user_fail() {
    let admin = Client::from_env().await;
    let cli = Cli::signed_in(&Person::create(&admin).await).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.ndjson");
    let path = file.to_str().unwrap();
    let said = cli.fails(&["users", "import", path], 1);
    assert!(said.contains("users.ndjson"), "{said}");
    fs::write(&file, line(&unique(), 0)).unwrap();
    let said = cli.fails(&["users", "import", path], 1);
    assert!(said.contains("(forbidden, request "), "{said}");
}
