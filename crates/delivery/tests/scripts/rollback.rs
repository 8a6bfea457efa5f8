//! Deploys that fail on the way: where they stop, what they put back, and how they say so.

use super::scene::{Scene, assert_order, digest};

/// Dev's SpinApps with this digest, and the one before.
fn dev(letter: char, before: Option<char>) -> Vec<(&'static str, String, Option<String>)> {
    ["auth", "docs", "health", "users"]
        .map(|name| (name, digest(letter), before.map(digest)))
        .to_vec()
}

fn assert_apps(scene: &Scene, expected: &[(&str, String, Option<String>)]) {
    let owned =
        |app: &(&str, String, Option<String>)| (app.0.to_owned(), app.1.clone(), app.2.clone());
    assert_eq!(scene.apps(), expected.iter().map(owned).collect::<Vec<_>>());
}

#[test]
fn a_digest_that_is_not_signed_changes_nothing() {
    let scene = Scene::new()
        .running(&dev('a', None))
        .with("SIGNATURE_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(1);
    assert!(output.contains("is not signed by who may; nothing was changed"));
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn a_failed_migration_leaves_the_apps_alone() {
    let scene = Scene::new()
        .running(&dev('a', None))
        .with("JOB_FAILS", "yes");
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(1);
    assert!(output.contains("the migrations have failed; the SpinApps are as they were"));
    assert!(output.contains("psql: error"), "its log is shown: {output}");
    let writes = scene.writes();
    assert_eq!(writes.len(), 3, "{writes:#?}");
    assert!(!writes.iter().any(|call| call.ends_with("=api")));
    assert_apps(&scene, &dev('a', None));
}

#[test]
fn a_rollout_that_fails_is_put_back() {
    let scene = Scene::new()
        .running(&dev('a', Some('c')))
        .with("ROLLOUT_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(3);
    let told = format!(
        "{} does not work in dev; rolled back: {} runs again",
        digest('b'),
        digest('a')
    );
    assert!(output.contains(&told), "{output}");
    // As it was, with what it remembers; and the Job has run once.
    assert_apps(&scene, &dev('a', Some('c')));
    let of = |label: &str| {
        let ends = |call: &&String| call.contains(" apply ") && call.ends_with(label);
        scene.calls().iter().filter(ends).count()
    };
    assert_eq!((of("=migrations"), of("=api")), (1, 2));
    assert_order(
        &scene.calls(),
        &[
            "component=api",
            "rollout status deployment/auth",
            "component=api",
            "rollout status deployment/users",
            "curl",
        ],
    );
}

#[test]
fn wrong_answers_are_put_back_too() {
    let scene = Scene::new()
        .running(&dev('a', None))
        .with("SMOKE_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(3);
    assert!(output.contains("/api/v1/health/ready: expected 200, got: 503"));
    assert!(output.contains("rolled back"));
    assert_apps(&scene, &dev('a', None));
}

#[test]
fn so_are_apps_that_the_cluster_refuses_or_the_operator_does_not_see() {
    let refused = Scene::new()
        .running(&dev('a', None))
        .with("APPLY_FAILS", "=api");
    let output = refused.run("deploy.sh", &["dev", &digest('b')]).ended(4);
    assert!(output.contains("and neither does"), "{output}");
    let unseen = Scene::new()
        .running(&dev('a', None))
        .with("OPERATOR_SLEEPS", "yes");
    let output = unseen.run("deploy.sh", &["dev", &digest('b')]).ended(4);
    assert!(output.contains("the operator has not brought auth up to date"));
    assert_apps(&unseen, &dev('a', None));
}

#[test]
fn a_first_deploy_has_nothing_to_go_back_to() {
    let scene = Scene::new().with("ROLLOUT_FAILS_FOR", &digest('a'));
    let output = scene.run("deploy.sh", &["dev", &digest('a')]).ended(4);
    assert!(output.contains("there is nothing to roll back to"));
    assert_apps(&scene, &dev('a', None));
}

#[test]
fn a_repeated_deploy_that_fails_undoes_nothing_that_it_did_not_do() {
    let scene = Scene::new()
        .running(&dev('b', Some('a')))
        .with("SMOKE_FAILS_FOR", &digest('b'));
    let output = scene.run("deploy.sh", &["dev", &digest('b')]).ended(4);
    assert!(output.contains("scripts/deploy.sh dev --rollback goes back"));
    assert_apps(&scene, &dev('b', Some('a')));
}

#[test]
fn rollback_goes_to_the_digest_before_once() {
    let scene = Scene::new().running(&dev('b', Some('a')));
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
    assert!(output.contains(&format!("dev runs {}", digest('a'))));
    assert_apps(&scene, &dev('a', Some('a')));
    assert_order(&scene.calls(), &["cosign verify", "component=api", "curl"]);
    assert_eq!(scene.writes().len(), 1, "no Job: {:#?}", scene.writes());

    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
    assert!(output.contains("was rolled back"), "{output}");
    assert_eq!(scene.writes().len(), 1);

    scene.run("deploy.sh", &["dev", &digest('c')]).ended(0);
    assert_apps(&scene, &dev('c', Some('a')));
}

#[test]
fn rollback_verifies_and_says_what_it_cannot_do() {
    let scene = Scene::new()
        .running(&dev('b', Some('a')))
        .with("SIGNATURE_FAILS_FOR", &digest('a'));
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(1);
    assert!(output.contains("nothing was changed"));
    assert_eq!(scene.writes(), [""; 0]);

    let scene = Scene::new().running(&dev('b', None));
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(1);
    assert!(output.contains("there is nothing to roll back to"));

    let scene = Scene::new()
        .running(&dev('b', Some('a')))
        .with("ROLLOUT_FAILS_FOR", &digest('a'));
    let output = scene.run("deploy.sh", &["dev", "--rollback"]).ended(4);
    assert!(output.contains("does not work either"));
}

#[test]
fn a_dry_rollback_reads_and_changes_nothing() {
    let scene = Scene::new().running(&dev('b', Some('a')));
    let output = scene
        .run("deploy.sh", &["dev", "--rollback", "--dry-run"])
        .ended(0);
    assert!(output.contains(&format!("roster/api@{}", digest('a'))));
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn a_deploy_that_was_cut_short_can_be_repeated_or_undone() {
    let mut half = dev('a', Some('c'));
    half[0] = ("auth", digest('b'), Some(digest('a')));

    let scene = Scene::new().running(&half);
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(0);
    assert_apps(&scene, &dev('b', Some('a')));

    let scene = Scene::new()
        .running(&half)
        .with("ROLLOUT_FAILS_FOR", &digest('b'));
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(3);
    assert_eq!(scene.apps()[0].1, digest('a'));

    let scene = Scene::new().running(&half);
    scene.run("deploy.sh", &["dev", "--rollback"]).ended(0);
    assert_eq!(scene.apps()[0].1, digest('a'));
}

#[test]
fn an_app_that_the_overlay_no_longer_has_does_not_count() {
    let mut apps = dev('a', None);
    apps.push(("former", digest('f'), None));
    let scene = Scene::new().running(&apps);
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(0);
    assert_apps(&scene, &dev('b', Some('a')));
}
