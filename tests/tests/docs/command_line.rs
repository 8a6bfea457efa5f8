//! The commands of docs/api.md: `roster` accepts and performs each of them.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use blackbox::shell_blocks::blocks_to_run;
use blackbox::{Client, PASSWORD, Person, unique};

/// Time for which the block is repeated while no hash slot is free: all suites share a few slots.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_commands_of_the_api_page_succeed() {
    let admin = Client::from_env().await;
    let person = Person::create_admin(&admin).await;
    let home = tempfile::tempdir().unwrap();
    let program = devservices::provided_or_exit("ROSTER_CLI");
    symlink(program, home.path().join("roster")).unwrap();
    let path = std::env::var("PATH").unwrap();
    for block in blocks_to_run(include_str!("../../../docs/api.md")) {
        // The program is built already.
        let lines = block.lines().filter(|line| !line.starts_with("cargo "));
        let script = lines.collect::<Vec<_>>().join("\n");
        let script = script.replace("admin@example.com", &person.email);
        let until = Instant::now() + PATIENCE;
        loop {
            let script = script.replace("ada@example.com", &format!("{}@example.com", unique()));
            let output = Command::new("bash")
                .args(["-eu", "-c", &script])
                .env("HOME", home.path())
                .env_remove("XDG_CONFIG_HOME")
                .env("PATH", format!("{}:{path}", home.path().display()))
                .env("ROSTER_URL", admin.base())
                .env("ROSTER_PASSWORD", PASSWORD)
                .env("ROSTER_NEW_PASSWORD", PASSWORD)
                .output()
                .expect("bash");
            let errors = String::from_utf8_lossy(&output.stderr);
            if errors.contains("(busy,") && Instant::now() < until {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            assert!(output.status.success(), "{errors}");
            break;
        }
    }
}
