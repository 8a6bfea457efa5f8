//! Failing deploys: their point of failure, the release that they restore, and their report.

use super::scene::{Scene, assert_order, digest};

#[test]
fn a_digest_that_is_not_signed_changes_nothing() {
    let scene = Scene::new()
        .released("a")
        .with("SIGNATURE_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(1);
    assert!(output.contains("is not signed by who may; nothing was changed"));
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn a_failed_migration_leaves_the_apps_and_puts_the_configuration_back() {
    let scene = Scene::new().released("a");
    let before = scene.applied();
    let scene = scene.with("JOB_FAILS", "yes");
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(1);
    assert!(output.contains("the migrations have failed; the SpinApps are as they were"));
    assert!(output.contains("psql: error"), "its log is shown: {output}");
    assert!(!scene.writes().iter().any(|call| call.ends_with("=api")));
    assert_eq!(scene.runs(), "a");
    assert_restored(&before[0], scene.applied().last().unwrap());
    assert!(!scene.path("configmaps/release-pending").exists());
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
fn a_rollout_that_fails_is_put_back() {
    let scene = Scene::new()
        .released("ca")
        .with("ROLLOUT_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(3);
    let told = format!(
        "{} does not work in dev; rolled back: {} runs again",
        digest('b'),
        digest('a')
    );
    assert!(output.contains(&told), "{output}");
    assert_eq!((scene.runs(), scene.recorded()), ("a".into(), "ca".into()));
    let of = |label: &str| {
        let ends = |call: &&String| call.ends_with(label);
        scene.writes().iter().filter(ends).count()
    };
    assert_eq!((of("=migrations"), of("=api")), (1, 2));
    scene.lease_is_free();
}

#[test]
fn configuration_and_spins_image_are_put_back_too() {
    let scene = Scene::new().released("a");
    let before = scene.applied();
    let executors = scene.executors();
    scene.set_spin_image(&digest('f'));
    let config = scene.project().join("k8s/base/config.env");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("log_level=", "log_level=x")).unwrap();
    scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
    assert_ne!(scene.executors(), executors);
    scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
    assert_eq!(scene.executors(), executors);
    assert_restored(&before[0], scene.applied().last().unwrap());
}

#[test]
fn wrong_responses_are_put_back_too() {
    let scene = Scene::new()
        .released("a")
        .with("SMOKE_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(3);
    assert!(output.contains("/api/v1/health/ready: expected 200, got: 503"));
    assert_eq!((scene.runs(), scene.recorded()), ("a".into(), "a".into()));
}

#[test]
fn a_refusal_changes_nothing_and_is_reported_so() {
    for setting in ["ADMISSION_REFUSES", "APPLY_FAILS"] {
        let scene = Scene::new().released("a").with(setting, "=api");
        let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(1);
        assert!(output.contains("the SpinApps are as they were"), "{output}");
        assert_eq!(scene.runs(), "a");
    }
    let unseen = Scene::new().released("a").with("OPERATOR_SLEEPS", "yes");
    let output = unseen.run("deploy.sh", &["dev", &digest('b')]).ended(4);
    let not_ready = format!("not ready: {}", delivery::groups().join(" "));
    assert!(output.contains(&not_ready), "{output}");
}

#[test]
fn a_server_that_is_away_for_a_moment_fails_no_deploy() {
    for call in [
        " apply ",
        " get spinapps",
        " delete job ",
        " create --filename - ",
        " get job ",
    ] {
        let scene = Scene::new().with("AWAY_AT", call).with("AWAY", "3");
        scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
        scene.lease_is_free();
    }
    let scene = Scene::new()
        .released("a")
        .with("AWAY_AT", "component=api")
        .with("AWAY", "12");
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(1);
    assert_eq!(scene.runs(), "a");
}

#[test]
fn a_first_deploy_has_nothing_to_go_back_to() {
    let scene = Scene::new().with("ROLLOUT_FAILS_FOR", &digest('a'));
    let output = scene.run("deploy.sh", &["dev", &digest('a')]).ended(4);
    assert!(output.contains("there is nothing to roll back to"));
}

#[test]
fn a_repeated_deploy_that_fails_undoes_nothing_that_it_did_not_do() {
    let scene = Scene::new()
        .released("ab")
        .with("SMOKE_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(4);
    assert!(output.contains("scripts/deploy.sh dev --rollback goes back"));
    assert_eq!(scene.runs(), "b");
}

#[test]
fn rollback_goes_to_the_release_before_once_and_looks_each_time() {
    let scene = Scene::new().released("cab");
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
    assert!(output.contains(&format!("dev runs {}", digest('a'))));
    assert_order(&scene.calls(), &["cosign verify", "component=api", "curl"]);
    assert!(
        !scene
            .writes()
            .iter()
            .any(|call| call.contains("delete job"))
    );
    assert_eq!((scene.runs(), scene.recorded()), ("a".into(), "ca".into()));

    scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
    assert_eq!(scene.runs(), "a");
    let broken = scene.with("ROLLOUT_FAILS_FOR", &digest('a'));
    let output = broken.run("deploy.sh", &["dev", "--rollback"]).ended(4);
    assert!(output.contains("does not work either"), "{output}");
}

#[test]
fn rollback_verifies_and_reports_what_it_cannot_do() {
    let scene = Scene::new()
        .released("ab")
        .with("SIGNATURE_FAILS_FOR", &digest('a'));
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(1);
    assert!(output.contains("nothing was changed"));
    assert_eq!(scene.writes(), [""; 0]);

    let scene = Scene::new().released("b");
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(1);
    assert!(output.contains("there is nothing to roll back to"));

    let scene = Scene::new().released("ab").with("NO_RUNTIME_CONFIG", "yes");
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(1);
    assert!(output.contains("a Secret that it names is gone; nothing was changed"));
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn a_dry_rollback_reads_and_changes_nothing() {
    let scene = Scene::new().released("ab");
    let output = scene
        .run("deploy.sh", &["dev", "--rollback", "--dry-run"])
        .ended(0);
    assert!(output.contains(&format!("roster/api@{}", digest('a'))));
    assert_eq!(scene.writes(), [""; 0]);
}
