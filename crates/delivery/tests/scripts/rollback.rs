//! Restored releases: configuration, executor, and the record.

use super::fixture::{Fixture, SECRET, assert_order, digest};

#[test]
fn a_failed_migration_restores_only_the_configuration() {
    let fixture = Fixture::new().released("a");
    let before = fixture.applied();
    let log = std::fs::read_to_string(fixture.path("programs/kubectl")).unwrap();
    assert!(log.contains("postgres://roster:%s@postgres") && !log.contains(SECRET));
    let fixture = fixture.with("JOB_FAILS", "yes");
    let output = fixture.deploy("dev b", 1);
    assert!(output.contains("the migrations have failed; the SpinApps are unchanged"));
    assert!(output.contains("psql: error"), "its log is shown: {output}");
    let is_redacted = output.contains("postgres://roster:***@postgres");
    assert!(is_redacted && output.contains("password=***"), "{output}");
    assert!(!fixture.writes().iter().any(|call| call.ends_with("=api")));
    assert_eq!(fixture.deployed_digests(), "a");
    assert_restored(&before[0], fixture.applied().last().unwrap());
    assert!(!fixture.path("configmaps/release-pending").exists());
}

/// Asserts that the restored objects are those of a release, except Secrets and migrations.
fn assert_restored(release: &str, restored: &str) {
    let kept = |object: &&str| {
        !object.contains("\nkind: Secret\n")
            && !object.contains("\n    app.kubernetes.io/component: migrations\n")
    };
    let objects = format!("\n{release}");
    let expected: Vec<_> = objects.split("\n---").filter(kept).map(str::trim).collect();
    let restored = restored.trim_end_matches("---\n");
    let found: Vec<_> = restored.split("\n---").map(str::trim).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_rollback_applies_no_migrations() {
    let fixture = Fixture::new().released("ca").with("ROLLOUT_FAILS_FOR", "b");
    fixture.deploy("dev b", 3);
    let writes = fixture.writes();
    let of = |label: &str| writes.iter().filter(|call| call.ends_with(label)).count();
    assert_eq!((of("=migrations"), of("=api")), (1, 2));
}

#[test]
fn a_rollback_restores_configuration_and_executor_image() {
    let fixture = Fixture::new().released("a");
    let (before, executors) = (fixture.applied(), fixture.executors());
    fixture.set_spin_image(&digest('f'));
    let config = fixture.project().join("k8s/base/config.env");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("log_level=", "log_level=x")).unwrap();
    fixture.deploy("dev a", 0);
    assert_ne!(fixture.executors(), executors);
    fixture.deploy("dev --rollback", 0);
    assert_eq!(fixture.executors(), executors);
    assert_restored(&before[0], fixture.applied().last().unwrap());
}

#[test]
fn a_short_api_server_outage_is_retried() {
    for call in [
        " apply ",
        " get spinapps",
        " delete job ",
        " create --filename - ",
        " get job ",
    ] {
        let fixture = Fixture::new().with("AWAY_AT", call).with("AWAY", "3");
        fixture.deploy("dev a", 0);
        fixture.assert_lease_released();
    }
}

#[test]
fn rollback_restores_the_previous_release_once_and_verifies_it() {
    let fixture = Fixture::new().released("cab");
    let output = fixture.deploy("dev --rollback", 0);
    assert!(output.contains(&format!("dev runs {}", digest('a'))));
    assert_order(&fixture.calls(), "cosign verify\ncomponent=api\ncurl");
    let writes = fixture.writes();
    assert!(!writes.iter().any(|call| call.contains("delete job")));
    fixture.assert_state("a", "ca");

    fixture.deploy("dev --rollback", 0);
    assert_eq!(fixture.deployed_digests(), "a");
    let broken = fixture.with("ROLLOUT_FAILS_FOR", "a");
    let output = broken.deploy("dev --rollback", 4);
    assert!(output.contains("does not work either"), "{output}");
}
