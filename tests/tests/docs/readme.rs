//! The calls of the README: each gets the response that its comment states.

use std::process::Command;
use std::time::{Duration, Instant};

use blackbox::shell_blocks::blocks_to_run;
use blackbox::stated::differences;
use serde_json::Value;

/// Address in the README.
const ADDRESS: &str = "http://127.0.0.1:3000";
/// Time for which a call without a free hash slot is repeated: all suites share a few slots.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_calls_get_the_stated_responses() {
    let readme = readme();
    let (mut settings, mut token) = (String::new(), String::new());
    let blocks = blocks_to_run(&readme);
    assert!(blocks.len() >= 3, "{blocks:?}");
    for block in blocks {
        let (stated, calls): (Vec<_>, Vec<_>) =
            block.lines().partition(|line| line.starts_with('#'));
        let stated: String = stated.iter().map(|line| line[1..].trim()).collect();
        let actual = answered(&format!("{settings}{}", calls.join("\n")), &token).await;
        let found = differences(&stated, &actual);
        assert!(found.is_empty(), "{}\n{actual}", found.join("\n"));
        // The blocks are pasted into one shell; the reader sets the token.
        let is_setting = |line: &&&str| !line.starts_with("curl ");
        settings.extend(
            calls
                .iter()
                .filter(is_setting)
                .map(|line| format!("{line}\n")),
        );
        let response: Value = serde_json::from_str(&actual).unwrap();
        if let Some(new) = response["access_token"].as_str() {
            new.clone_into(&mut token);
        }
    }
}

/// Returns the README with the app under test, its admin and a unique user.
fn readme() -> String {
    let name = format!("{}@example.com", blackbox::unique());
    let variable = devservices::provided_or_exit;
    include_str!("../../../README.md")
        .replace(ADDRESS, &variable("ROSTER_URL"))
        .replace("admin@example.com", &variable("ROSTER_ADMIN_EMAIL"))
        .replace("ada@example.com", &name)
}

/// Returns what the script prints, once a hash slot is free.
async fn answered(script: &str, token: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let output = Command::new("bash")
            .args(["-eu", "-c", script])
            .env("PASSWORD", blackbox::Client::admin_password())
            .env("TOKEN", token)
            .output()
            .expect("bash");
        assert!(output.status.success(), "{output:?}\n{script}");
        let text = String::from_utf8(output.stdout).unwrap();
        if !text.contains("\"code\":\"busy\"") || Instant::now() > until {
            return text;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
