//! Successful deploys, the state that they leave, and their output before a change.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_yaml_ng::Value;

use super::scene::{Scene, assert_order, digest};

/// Returns the groups of production, which has no documentation.
fn groups_of_prod() -> Vec<&'static str> {
    let groups = delivery::groups().into_iter();
    groups.filter(|group| *group != "docs").collect()
}

/// Returns the SpinApps of rendered YAML.
fn spin_apps(yaml: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|object| object["kind"] == "SpinApp")
        .collect()
}

#[test]
fn a_deploy_goes_from_the_signature_to_the_questions_in_order() {
    let scene = Scene::new();
    let output = scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
    assert!(output.contains(&format!("dev runs {}", digest('a'))));
    let signed = format!(
        "cosign verify --key awskms:///alias/roster --output text registry.example.com/roster/api@{}",
        digest('a')
    );
    assert_order(
        &scene.calls(),
        &[
            "get --raw /version",
            &signed,
            "api-resources",
            "create --filename -",
            "get configmaps --selector roster/record=release",
            "component notin (migrations, api) --dry-run=server",
            "pending.yaml",
            "component notin (migrations, api)",
            "--namespace roster-dev get secret roster-secrets --output name",
            "get deployments.apps,statefulsets.apps",
            "component=api --dry-run=server",
            "delete job migrate-",
            "--selector app.kubernetes.io/component=migrations",
            "get job migrate-",
            "--selector app.kubernetes.io/component=api",
            "get deployments.apps,statefulsets.apps",
            "https://api.dev.example.com/api/v1/health/live",
            "https://api.dev.example.com/.well-known/spin/health",
            "record.yaml",
            "delete configmap release-pending",
            "get deployments,pods,services,httproutes",
            "replace --filename -",
        ],
    );
    scene.lease_is_free();
    let overlay = "k8s/overlays/dev/kustomization.yaml";
    let read = |folder: &Path| fs::read_to_string(folder.join(overlay)).unwrap();
    assert_eq!(read(&scene.project()), read(&delivery::root()));
    assert_eq!(scene.runs(), "a");
    assert_eq!(scene.recorded(), "a");
}

#[test]
fn an_executor_that_changes_reaches_the_pods_with_the_apps() {
    let scene = Scene::new().released("a");
    let before = scene.executors();
    scene.set_spin_image(&digest('f'));
    let failing = scene.with("JOB_FAILS", "yes");
    failing.run("deploy.sh", &["dev", &digest('a')]).ended(1);
    assert_eq!(failing.executors(), before);
    let scene = failing.with("JOB_FAILS", "");
    scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
    let after = scene.executors();
    assert!(before.iter().zip(&after).all(|(one, other)| one != other));
    // The old one is deleted, because no SpinApp refers to it.
    let left = fs::read_to_string(scene.path("executors")).unwrap();
    assert_eq!(left.trim(), after[0].1);
}

#[test]
fn every_spin_app_gets_the_digest_and_a_version() {
    let scene = Scene::new();
    scene.run("deploy.sh", &["staging", &digest('b')]).ended(0);
    let applied = scene.applied();
    let apps = spin_apps(applied.last().unwrap());
    assert_eq!(apps.len(), delivery::groups().len());
    for app in apps {
        let image = format!("registry.example.com/roster/api@{}", digest('b'));
        assert_eq!(app["spec"]["image"], image);
        assert!(app["spec"]["deploymentAnnotations"]["roster/version"].is_string());
        let executor = app["spec"]["executor"].as_str().unwrap();
        assert!(executor.starts_with("spintainer-"), "{executor}");
    }
}

#[test]
fn the_same_call_again_applies_and_records_the_same() {
    let scene = Scene::new().released("ab");
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(0);
    let applied = scene.applied();
    assert_eq!(applied[3..6], applied[6..9]);
    assert_eq!(scene.recorded(), "ab");
}

#[test]
fn the_last_three_releases_are_kept_without_secrets() {
    let scene = Scene::new().released("abcd");
    assert_eq!(scene.recorded(), "bcd");
    let name = scene.path("configmaps/release-000004");
    let text = fs::read_to_string(name).unwrap();
    assert!(text.contains("secrets: \"runtime-config-"), "{text}");
    assert!(text.len() < 100_000, "{} bytes", text.len());
}

#[test]
fn an_older_release_does_not_overtake_a_newer_one() {
    let scene = Scene::new().with("RELEASE_ORDER", "7").released("b");
    let older = scene.with("RELEASE_ORDER", "6");
    let output = older.run("deploy.sh", &["dev", &digest('a')]).ended(1);
    assert!(
        output.contains("a newer release works in dev (7, this is 6)"),
        "{output}"
    );
    assert_eq!(older.writes(), [""; 0]);
    older.lease_is_free();
}

#[test]
fn long_migrations_have_a_call_of_their_own() {
    let scene = Scene::new().released("a");
    scene
        .run("deploy.sh", &["dev", &digest('b'), "--migrate-only"])
        .ended(0);
    assert_eq!(scene.runs(), "a");
    let applied = scene.applied().pop().unwrap();
    assert!(
        applied.contains("activeDeadlineSeconds: 14380"),
        "{applied}"
    );
    scene.lease_is_free();
}

#[test]
fn prod_waits_for_its_secret_store_and_has_no_docs() {
    let scene = Scene::new();
    scene.run("deploy.sh", &["prod", &digest('a')]).ended(0);
    assert_order(
        &scene.calls(),
        &[
            "component notin (migrations, api)",
            "get externalsecrets.external-secrets.io roster-secrets",
            "get secret roster-secrets --output name",
            "get deployments.apps,statefulsets.apps",
            "component=migrations",
            "component=api",
            "https://api.example.com/api/v1/health/ready",
        ],
    );
    let names: Vec<_> = scene.executors().into_iter().map(|app| app.0).collect();
    assert_eq!(names, groups_of_prod());
}

#[test]
fn without_a_key_the_whole_identity_has_to_match() {
    let scene = Scene::new()
        .with("COSIGN_KEY_PUB", "")
        .with("COSIGN_IDENTITY", "https://github.com/example/roster/.*")
        .with(
            "COSIGN_ISSUER",
            "https://token.actions.githubusercontent.com",
        );
    scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
    assert_order(
        &scene.calls(),
        &[
            "cosign verify --certificate-identity-regexp ^(https://github.com/example/roster/.*)$ \
           --certificate-oidc-issuer https://token.actions.githubusercontent.com",
        ],
    );
}

#[test]
fn the_context_and_the_address_may_be_named() {
    let scene = Scene::new()
        .with("KUBE_CONTEXT", "blue")
        .with("BASE_URL", "https://10.0.0.1:8443");
    scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
    let calls = scene.calls();
    assert_order(&calls, &["https://10.0.0.1:8443/api/v1/users"]);
    for call in calls.iter().filter(|call| call.contains(" apply ")) {
        assert!(call.starts_with("kubectl --context blue "), "{call}");
    }
}

#[test]
fn a_dry_run_shows_every_step_and_takes_none() {
    let scene = Scene::new();
    let ran = scene.run("deploy.sh", &["prod", &digest('a'), "--dry-run"]);
    ran.ended(0);
    let lines: Vec<_> = ran.stdout.lines().map(str::to_owned).collect();
    assert_order(
        &lines,
        &[
            "cosign verify",
            "'app.kubernetes.io/component notin (migrations, api)'",
            "externalsecret/roster-secrets",
            "get secret roster-secrets --output name",
            "for pgbouncer",
            "delete job migrate-",
            "component=migrations",
            "waits up to 5 minutes for migrate-",
            "component=api",
            &format!(
                "waits up to 10 minutes for pgbouncer {}",
                groups_of_prod().join(" ")
            ),
            "https://api.example.com/api/v1/health/live",
            "the release before is put back",
            "nothing was changed: this was --dry-run",
        ],
    );
    for call in scene.calls() {
        let harmless = ["kustomize", "version --client", "config current-context"];
        assert!(harmless.iter().any(|part| call.contains(part)), "{call}");
    }
}
