//! Concurrent deploys, stopped deploys, and the time limit.

use std::fs;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use super::scene::{Scene, digest};

/// Time limit of a deployment in the pipelines, in minutes.
const LIMIT: u64 = 75;

/// Waits for a call of a scripted program that contains `part`. The test runner ends a test that hangs.
fn wait_for_call(scene: &Scene, part: &str) {
    while !scene.calls().iter().any(|call| call.contains(part)) {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a deploy that hangs at a call, and sends it a signal there.
fn stopped(scene: &Scene, signal: &str, at: &str) -> Child {
    let child = scene.start("deploy.sh", &["dev", &digest('b')]);
    wait_for_call(scene, at);
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
            let scene = Scene::new().released("a").with("HANGS_AT", call);
            let child = stopped(&scene, signal, call);
            let output = scene.wait(child).ended(130);
            assert!(output.contains(told), "{output}");
            assert!(
                output.contains("scripts/deploy.sh dev --rollback"),
                "{output}"
            );
            scene.lease_is_free();
            // The last release that worked is on record, so the rollback is right.
            let scene = scene.with("HANGS_AT", "");
            scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
            assert_eq!((scene.runs(), scene.recorded()), ("a".into(), "a".into()));
        }
    }
}

#[test]
fn a_rollback_skips_an_interrupted_release() {
    let scene = Scene::new().released("a").with("HANGS_AT", "/health/live");
    let child = stopped(&scene, "-TERM", "/health/live");
    scene.wait(child).ended(130);
    assert_eq!(scene.runs(), "b");
    let scene = scene
        .with("HANGS_AT", "")
        .with("SMOKE_FAILS_FOR", &digest('c'));
    scene.run("deploy.sh", &["dev", &digest('c')]).ended(3);
    assert_eq!(scene.runs(), "a");
}

#[test]
fn a_second_deploy_fails_during_a_valid_lease() {
    let scene = Scene::new()
        .released("a")
        .with("HANGS_AT", "get job migrate-");
    let first = scene.start("deploy.sh", &["dev", &digest('b')]);
    wait_for_call(&scene, "get job migrate-");
    let held = fs::read_to_string(scene.path("lease")).unwrap();
    // Renewed as the first deploy would by its clock, before each check of the second.
    let second = scene.with("LEASE_IS_RENEWED", "yes");
    let output = second
        .run_beside("deploy.sh", &["dev", &digest('c')])
        .ended(1);
    assert!(
        output.contains("is deploying to dev; nothing was changed"),
        "{output}"
    );
    assert_eq!(second.runs(), "a");
    let holder = |text: &str| text.trim().split_once(' ').unwrap().1.to_owned();
    let now = fs::read_to_string(second.path("lease")).unwrap();
    assert_eq!(holder(&now), holder(&held));
    let id = first.id().to_string();
    Command::new("kill").args(["-TERM", &id]).status().unwrap();
    second.wait(first).ended(130);
}

#[test]
fn an_unrenewed_lease_expires() {
    let scene = Scene::new().released("a");
    fs::write(scene.path("lease"), "41 killed\n").unwrap();
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(0);
    assert!((60..180).contains(&scene.slept()), "{}", scene.slept());
    scene.lease_is_free();
}

#[test]
fn a_deploy_stops_when_its_lease_is_lost() {
    let scene = Scene::new()
        .released("a")
        .with("HANGS_AT", "get job migrate-")
        .with("LEASE_LOST_AT", "get job migrate-");
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(130);
    assert!(output.contains("the Lease is lost"), "{output}");
    assert_eq!(scene.runs(), "a");
    // Another deploy holds the Lease and keeps it.
    let lease = fs::read_to_string(scene.path("lease")).unwrap();
    assert_eq!(lease, "900 another\n");
}

#[test]
fn deploy_and_rollback_finish_within_the_pipeline_timeout() {
    let scene = Scene::new().released("a");
    fs::write(scene.path("lease"), "41 killed\n").unwrap();
    let scene = scene.with("OPERATOR_SLEEPS", "yes");
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(4);
    let slept = scene.slept();
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
