//! Concurrent deploys, stopped deploys, and the time limit.

use std::fs;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use super::fixture::{Fixture, digest};

/// Time limit of a deployment in the pipelines, in minutes.
const LIMIT: u64 = 75;

/// Waits for a call of a scripted program that contains `part`. The test runner ends a test that hangs.
fn wait_for_call(fixture: &Fixture, part: &str) {
    while !fixture.calls().iter().any(|call| call.contains(part)) {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a deploy that hangs at a call, and sends it a signal there.
fn stopped(fixture: &Fixture, signal: &str, at: &str) -> Child {
    let child = fixture.start("deploy.sh", &["dev", &digest('b')]);
    wait_for_call(fixture, at);
    let id = child.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(status.success());
    child
}

#[test]
fn a_signal_stops_the_deploy_and_prints_how_to_resume() {
    let phases = [
        ("get job migrate-", "the SpinApps are unchanged"),
        ("/api/v1/health/live", "the SpinApps may have changed"),
    ];
    for (call, told) in phases {
        for signal in ["-TERM", "-INT"] {
            let fixture = Fixture::new().released("a").with("HANGS_AT", call);
            let child = stopped(&fixture, signal, call);
            let output = fixture.wait(child).assert_status(130);
            let is_told = output.contains(told);
            assert!(
                is_told && output.contains("scripts/deploy.sh dev --rollback"),
                "{output}"
            );
            fixture.assert_lease_released();
            // The last release that worked is on record, so the rollback is right.
            let fixture = fixture.with("HANGS_AT", "");
            fixture.deploy("dev --rollback", 0);
            fixture.assert_state("a", "a");
        }
    }
}

#[test]
fn a_rollback_skips_an_interrupted_release() {
    let fixture = Fixture::new()
        .released("a")
        .with("HANGS_AT", "/health/live");
    let child = stopped(&fixture, "-TERM", "/health/live");
    fixture.wait(child).assert_status(130);
    assert_eq!(fixture.deployed_digests(), "b");
    let fixture = fixture.with("HANGS_AT", "").with("SMOKE_FAILS_FOR", "c");
    fixture.deploy("dev c", 3);
    assert_eq!(fixture.deployed_digests(), "a");
}

#[test]
fn a_second_deploy_fails_during_a_valid_lease() {
    let fixture = Fixture::new()
        .released("a")
        .with("HANGS_AT", "get job migrate-");
    let first = fixture.start("deploy.sh", &["dev", &digest('b')]);
    wait_for_call(&fixture, "get job migrate-");
    let held = fs::read_to_string(fixture.path("lease")).unwrap();
    // Renewed as the first deploy would by its clock, before each check of the second.
    let second = fixture.with("LEASE_IS_RENEWED", "yes");
    let ran = second.run_concurrently("deploy.sh", &["dev", &digest('c')]);
    let output = ran.assert_status(1);
    let is_told = output.contains("is deploying to dev; nothing was changed");
    assert!(is_told, "{output}");
    assert_eq!(second.deployed_digests(), "a");
    let holder = |text: &str| text.trim().split_once(' ').unwrap().1.to_owned();
    let now = fs::read_to_string(second.path("lease")).unwrap();
    assert_eq!(holder(&now), holder(&held));
    let id = first.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    second.wait(first).assert_status(130);
}

#[test]
fn an_unrenewed_lease_expires() {
    let fixture = Fixture::new().released("a");
    fs::write(fixture.path("lease"), "41 killed\n").unwrap();
    fixture.deploy("dev b", 0);
    let slept = fixture.slept_seconds();
    assert!((60..180).contains(&slept), "{slept}");
    fixture.assert_lease_released();
}

#[test]
fn a_deploy_stops_when_its_lease_is_lost() {
    let fixture = Fixture::new()
        .released("a")
        .with("HANGS_AT", "get job migrate-")
        .with("LEASE_LOST_AT", "get job migrate-");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(130);
    assert!(output.contains("the Lease is lost"), "{output}");
    assert_eq!(fixture.deployed_digests(), "a");
    // Another deploy holds the Lease and keeps it.
    let lease = fs::read_to_string(fixture.path("lease")).unwrap();
    assert_eq!(lease, "900 another\n");
}

#[test]
fn deploy_and_rollback_finish_within_the_pipeline_timeout() {
    let fixture = Fixture::new().released("a");
    fs::write(fixture.path("lease"), "41 killed\n").unwrap();
    let fixture = fixture.with("OPERATOR_SLEEPS", "yes");
    fixture.deploy("dev b", 4);
    let slept = fixture.slept_seconds();
    // Added for waits that did not happen here: stores and the Job at their limits, and smoke.sh twice with
    // 30 attempts of 13 seconds and 7 of 10.
    let longest = slept + 300 + 300 + 300 + 2 * (30 * 13 + 7 * 10);
    assert!(longest < (LIMIT - 5) * 60, "{longest} s");
    for (file, jobs) in [("release.yml", 3), ("rollback.yml", 1)] {
        let path = format!(".github/workflows/{file}");
        let text = fs::read_to_string(delivery::root().join(path)).unwrap();
        let limit = format!("    timeout-minutes: {LIMIT}\n");
        assert_eq!(text.matches(&limit).count(), jobs, "{file}");
        assert_eq!(text.matches("/actions/deploy").count(), jobs, "{file}");
    }
    for file in ["Jenkinsfile", "Jenkinsfile.rollback"] {
        let text = fs::read_to_string(delivery::root().join(file)).unwrap();
        let limit = format!("timeout(time: {LIMIT}, unit: 'MINUTES')");
        assert!(text.contains(&limit), "{file} has no {limit}");
    }
}
