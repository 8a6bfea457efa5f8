//! The first command of the quickstart: `cargo xtask up` serves on a new database until it is interrupted.

use std::env;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use blackbox::Client;
use blackbox::client::access_token;
use blackbox::host::devhost;
use blackbox::stack::{eventually, needs_host};
use devservices::Process;
use reqwest::Method;
use tempfile::TempDir;

/// Longest time until the app serves: the components and the host are built already.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longest time until all servers have ended.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Settings of the developer, besides those with a prefix.
const OTHER_SETTINGS: [&str; 4] = [
    "BOOTSTRAP_ADMIN_EMAIL",
    "BOOTSTRAP_ADMIN_PASSWORD",
    "DATABASE_URL",
    "REDIS_URL",
];

/// Folder that the servers reach, which run as another account if root starts them.
fn folder() -> TempDir {
    let folder = TempDir::with_prefix("roster-up-").unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Starts the command on a free port, with its data and its output in `folder` and without settings.
fn up(folder: &Path) -> Process {
    let settings = folder.join("env");
    fs::write(&settings, "").unwrap();
    let mut command = Command::new(devhost().unwrap().with_file_name("xtask"));
    command
        .args(["up", "--listen", "127.0.0.1:0", "--env"])
        .arg(settings)
        .arg("--state")
        .arg(folder.join("state"))
        .stdout(File::create(folder.join("output")).unwrap())
        .stderr(File::create(folder.join("log")).unwrap());
    let is_setting =
        |name: &str| name.starts_with("SPIN_VARIABLE_") || OTHER_SETTINGS.contains(&name);
    for (name, _) in env::vars().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    Process::spawn(&mut command, STOP_LIMIT).unwrap()
}

/// Returns the word between two texts of the output.
fn word(output: &str, before: &str, after: char) -> Option<String> {
    let (_, rest) = output.split_once(before)?;
    Some(rest.split_once(after)?.0.to_owned())
}

#[tokio::test]
async fn up_serves_and_keeps_its_data() {
    needs_host();
    assert!(include_str!("../../../docs/quickstart.md").contains("\ncargo xtask up\n"));
    let folder = folder();
    let output = || fs::read_to_string(folder.path().join("output")).unwrap_or_default();
    let mut password = None;
    for _ in 0..2 {
        let mut process = up(folder.path());
        let is_ready = async || output().contains("Press Ctrl-C to stop");
        eventually(START_LIMIT, "the address", is_ready).await;
        let url = word(&output(), "Roster serves at ", '\n').unwrap();
        // Printed by the first start alone.
        password = password.or_else(|| word(&output(), "PASSWORD='", '\''));
        let anonymous = Client::new(&url);
        let password = password.as_deref().unwrap();
        let signed_in = anonymous.login("admin@example.com", password).await;
        let admin = anonymous.with_token(&access_token(&signed_in.expect(200)));
        admin.get("/api/v1/users").await.expect(200);

        assert!(process.stop().unwrap().success());
        let response = anonymous
            .request(Method::GET, "/api/v1/health/live")
            .send()
            .await;
        assert!(response.is_err(), "{response:?}");
    }
}
