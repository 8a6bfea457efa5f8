//! Failing deploys: their point of failure, the release that they restore, and their report.

use super::fixture::{Fixture, assert_order, digest};

#[test]
fn an_unsigned_digest_changes_nothing() {
    let fixture = Fixture::new()
        .released("a")
        .with("SIGNATURE_FAILS_FOR", &digest('b'));
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(1);
    assert!(output.contains("has no signature from a trusted signer; nothing was changed"));
    assert_eq!(fixture.writes(), [""; 0]);
}

#[test]
fn a_failed_migration_restores_only_the_configuration() {
    let fixture = Fixture::new().released("a");
    let before = fixture.applied();
    let fixture = fixture.with("JOB_FAILS", "yes");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(1);
    assert!(output.contains("the migrations have failed; the SpinApps are unchanged"));
    assert!(output.contains("psql: error"), "its log is shown: {output}");
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
    let expected: Vec<_> = objects.split("\n---").filter(kept).collect();
    let restored = format!("\n{}", restored.trim_end_matches("---\n"));
    let found: Vec<_> = restored.split("\n---").collect();
    assert_eq!(found.len(), expected.len());
    for (one, other) in found.iter().zip(&expected) {
        assert_eq!(one.trim(), other.trim());
    }
}

#[test]
fn a_failed_rollout_is_rolled_back() {
    let fixture = Fixture::new()
        .released("ca")
        .with("ROLLOUT_FAILS_FOR", &digest('b'));
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(3);
    let told = format!(
        "{} does not work in dev; rolled back: {} runs again",
        digest('b'),
        digest('a')
    );
    assert!(output.contains(&told), "{output}");
    assert_eq!(
        (fixture.deployed_digests(), fixture.recorded()),
        ("a".into(), "ca".into())
    );
    let of = |label: &str| {
        let ends = |call: &&String| call.ends_with(label);
        fixture.writes().iter().filter(ends).count()
    };
    assert_eq!((of("=migrations"), of("=api")), (1, 2));
    fixture.assert_lease_released();
}

#[test]
fn a_rollback_restores_configuration_and_executor_image() {
    let fixture = Fixture::new().released("a");
    let before = fixture.applied();
    let executors = fixture.executors();
    fixture.set_spin_image(&digest('f'));
    let config = fixture.project().join("k8s/base/config.env");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("log_level=", "log_level=x")).unwrap();
    fixture
        .run("deploy.sh", &["dev", &digest('a')])
        .assert_status(0);
    assert_ne!(fixture.executors(), executors);
    fixture
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(0);
    assert_eq!(fixture.executors(), executors);
    assert_restored(&before[0], fixture.applied().last().unwrap());
}

#[test]
fn a_failed_smoke_test_is_rolled_back() {
    let fixture = Fixture::new()
        .released("a")
        .with("SMOKE_FAILS_FOR", &digest('b'));
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(3);
    assert!(output.contains("/api/v1/health/ready: expected 200, got: 503"));
    assert_eq!(
        (fixture.deployed_digests(), fixture.recorded()),
        ("a".into(), "a".into())
    );
}

#[test]
fn a_rejected_apply_changes_nothing_and_is_reported() {
    for setting in ["ADMISSION_REFUSES", "APPLY_FAILS"] {
        let fixture = Fixture::new().released("a").with(setting, "=api");
        let output = fixture
            .run("deploy.sh", &["dev", &digest('b')])
            .assert_status(1);
        assert!(output.contains("the SpinApps are unchanged"), "{output}");
        assert_eq!(fixture.deployed_digests(), "a");
    }
    let unseen = Fixture::new().released("a").with("OPERATOR_SLEEPS", "yes");
    let output = unseen
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(4);
    let not_ready = format!("not ready: {}", delivery::groups().join(" "));
    assert!(output.contains(&not_ready), "{output}");
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
        fixture
            .run("deploy.sh", &["dev", &digest('a')])
            .assert_status(0);
        fixture.assert_lease_released();
    }
    let fixture = Fixture::new()
        .released("a")
        .with("AWAY_AT", "component=api")
        .with("AWAY", "12");
    fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(1);
    assert_eq!(fixture.deployed_digests(), "a");
}

#[test]
fn a_failed_first_deploy_cannot_be_rolled_back() {
    let fixture = Fixture::new().with("ROLLOUT_FAILS_FOR", &digest('a'));
    let output = fixture
        .run("deploy.sh", &["dev", &digest('a')])
        .assert_status(4);
    assert!(output.contains("there is nothing to roll back to"));
}

#[test]
fn a_failed_repeated_deploy_rolls_back_nothing() {
    let fixture = Fixture::new()
        .released("ab")
        .with("SMOKE_FAILS_FOR", &digest('b'));
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(4);
    assert!(
        output.contains("run scripts/deploy.sh dev --rollback to return to the previous release")
    );
    assert_eq!(fixture.deployed_digests(), "b");
}

#[test]
fn rollback_restores_the_previous_release_once_and_verifies_it() {
    let fixture = Fixture::new().released("cab");
    let output = fixture
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(0);
    assert!(output.contains(&format!("dev runs {}", digest('a'))));
    assert_order(
        &fixture.calls(),
        &["cosign verify", "component=api", "curl"],
    );
    assert!(
        !fixture
            .writes()
            .iter()
            .any(|call| call.contains("delete job"))
    );
    assert_eq!(
        (fixture.deployed_digests(), fixture.recorded()),
        ("a".into(), "ca".into())
    );

    fixture
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(0);
    assert_eq!(fixture.deployed_digests(), "a");
    let broken = fixture.with("ROLLOUT_FAILS_FOR", &digest('a'));
    let output = broken
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(4);
    assert!(output.contains("does not work either"), "{output}");
}

#[test]
fn rollback_verifies_the_signature_and_reports_failures() {
    let fixture = Fixture::new()
        .released("ab")
        .with("SIGNATURE_FAILS_FOR", &digest('a'));
    let output = fixture
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(1);
    assert!(output.contains("nothing was changed"));
    assert_eq!(fixture.writes(), [""; 0]);

    let fixture = Fixture::new().released("b");
    let output = fixture
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(1);
    assert!(output.contains("there is nothing to roll back to"));

    let fixture = Fixture::new()
        .released("ab")
        .with("NO_RUNTIME_CONFIG", "yes");
    let output = fixture
        .run("deploy.sh", &["dev", "--rollback"])
        .assert_status(1);
    assert!(output.contains("a Secret that it refers to does not exist; nothing was changed"));
    assert_eq!(fixture.writes(), [""; 0]);
}

#[test]
fn a_dry_run_of_a_rollback_changes_nothing() {
    let fixture = Fixture::new().released("ab");
    let output = fixture
        .run("deploy.sh", &["dev", "--rollback", "--dry-run"])
        .assert_status(0);
    assert!(output.contains(&format!("roster/api@{}", digest('a'))));
    assert_eq!(fixture.writes(), [""; 0]);
}
