//! Starts and stops Spin as the suites do, without it: a scripted `spin` serves through the embedded
//! host, accepts Spin's arguments, prints Spin's output and has a child that does the work.
//! `cargo xtask test --host spin` tests Spin itself with the components.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use blackbox::stack::{Stack, eventually};
use blackbox::{Client, new_user};
use devservices::{HostProgram, Process};
use reqwest::Method;
use tempfile::TempDir;

const SCRIPT: &str = include_str!("../../scripts/spin");

/// Creates the scripted Spin in a separate folder: executable, however the sources were unpacked.
fn scripted() -> (HostProgram, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("spin");
    fs::write(&path, SCRIPT).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (HostProgram::Spin(path), folder)
}

async fn is_live(client: &Client) -> bool {
    let request = client.request(Method::GET, "/api/v1/health/live");
    client
        .try_send(request.header("connection", "close"))
        .await
        .is_ok()
}

async fn assert_unreachable(client: &Client) {
    eventually(
        Duration::from_secs(5),
        "the listener to close",
        async || !is_live(client).await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_prints_its_address_and_collects_component_logs() {
    let (program, _folder) = scripted();
    let mut stack = Stack::start_on(program, &[]).await.expect("a stack");
    stack.client.created(&new_user()).await;
    let logged = async || !stack.log_lines().is_empty();
    eventually(Duration::from_secs(5), "a line of the log", logged).await;
    let before = stack.client.clone();
    stack.restart_host(&[]).expect("a host");
    assert_unreachable(&before).await;
    stack.client.created(&new_user()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_hosts_share_no_folder_and_stop_with_their_group() {
    let (program, _folder) = scripted();
    let stack = Stack::start_on(program, &[]).await.expect("a stack");
    let ends: [fn(&mut Process); 3] = [
        |process| assert!(process.stop().unwrap().success()),
        |process| process.kill().unwrap(),
        |process| {
            let id = process.id().to_string();
            let killed = Command::new("kill").args(["-s", "KILL", &id]).status();
            assert!(killed.unwrap().success());
            process
                .wait(Duration::from_secs(5))
                .unwrap()
                .expect("an end");
        },
    ];
    for end in ends {
        let (mut process, client) = stack.second_host(&[]).expect("a second host");
        assert_eq!(process.ids().unwrap().len(), 2, "a parent and who serves");
        assert!(is_live(&client).await);
        tokio::task::block_in_place(|| end(&mut process));
        assert_unreachable(&client).await;
    }
    assert!(is_live(&stack.client).await, "the first goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_start_reports_the_reason() {
    let (program, _folder) = scripted();
    let invalid = Stack::start_on(program, &[("breach_check_url", "no url")]).await;
    let error = format!("{:#}", invalid.err().expect("no stack"));
    assert!(
        error.contains("breach_check_url") || error.contains("no url"),
        "{error}"
    );
    assert!(error.contains("the host exited during startup"), "{error}");
}
