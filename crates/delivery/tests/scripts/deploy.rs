//! Deploys that go well, what they leave behind, and what they show beforehand.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_yaml_ng::Value;

use super::scene::{Scene, assert_order, digest};

const APPS: [&str; 4] = ["auth", "docs", "health", "users"];

/// The SpinApps of a rendering.
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
            "get spinapps",
            "component notin (migrations, api)",
            "--namespace roster-dev get secret roster-secrets --output name",
            "rollout status statefulset/postgres",
            "rollout status statefulset/redis",
            "delete job migrate-",
            "--selector app.kubernetes.io/component=migrations",
            "get job migrate-",
            "--selector app.kubernetes.io/component=api",
            "get deployment auth",
            "rollout status deployment/auth",
            "rollout status deployment/docs",
            "rollout status deployment/health",
            "rollout status deployment/users",
            "https://api.dev.example.com/api/v1/health/live",
            "https://api.dev.example.com/.well-known/spin/health",
        ],
    );
    assert_eq!(scene.writes().len(), 4, "{:#?}", scene.writes());
    let overlay = "k8s/overlays/dev/kustomization.yaml";
    let read = |folder: &Path| fs::read_to_string(folder.join(overlay)).unwrap();
    assert_eq!(read(&scene.project()), read(&delivery::root()));
    let expected = APPS.map(|name| (name.to_owned(), digest('a'), None));
    assert_eq!(scene.apps(), expected);
}

#[test]
fn every_spin_app_gets_the_digest_and_remembers_the_one_before() {
    let scene = Scene::new();
    for letter in ['a', 'b'] {
        scene
            .run("deploy.sh", &["staging", &digest(letter)])
            .ended(0);
    }
    let applied = scene.applied();
    let apps = spin_apps(applied.last().unwrap());
    assert_eq!(apps.len(), APPS.len());
    for app in apps {
        let image = format!("registry.example.com/roster/api@{}", digest('b'));
        assert_eq!(app["spec"]["image"], image);
        let metadata = &app["metadata"];
        assert_eq!(
            metadata["annotations"]["roster/previous-digest"],
            digest('a')
        );
        // The pods' annotations are the overlay's: nothing but the digest rolls them.
        let pods = app["spec"]["podAnnotations"].as_mapping().unwrap();
        assert_eq!(pods.len(), 1);
        assert!(app["spec"]["deploymentAnnotations"]["roster/version"].is_string());
    }
}

#[test]
fn the_same_call_again_applies_the_same() {
    let scene = Scene::new();
    scene.run("deploy.sh", &["dev", &digest('a')]).ended(0);
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(0);
    let before = scene.apps();
    scene.run("deploy.sh", &["dev", &digest('b')]).ended(0);
    assert_eq!(scene.apps(), before);
    let applied = scene.applied();
    assert_eq!(applied[3..6], applied[6..9]);
    assert_eq!(before[0].2, Some(digest('a')));
}

#[test]
fn prod_waits_for_its_secret_store_and_has_no_docs() {
    let scene = Scene::new();
    scene.run("deploy.sh", &["prod", &digest('a')]).ended(0);
    assert_order(
        &scene.calls(),
        &[
            "component notin (migrations, api)",
            "wait externalsecrets.external-secrets.io/roster-secrets --for=condition=Ready",
            "get secret roster-secrets --output name",
            "rollout status deployment/pgbouncer",
            "component=migrations",
            "component=api",
            "https://api.example.com/api/v1/health/ready",
        ],
    );
    let names: Vec<_> = scene.apps().into_iter().map(|app| app.0).collect();
    assert_eq!(names, ["auth", "health", "users"]);
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
            "wait externalsecrets",
            "get secret roster-secrets --output name",
            "rollout status deployment/pgbouncer",
            "delete job migrate-",
            "component=migrations",
            "waits up to 5 minutes for migrate-",
            "component=api",
            "rollout status deployment/auth",
            "rollout status deployment/health",
            "rollout status deployment/users",
            "https://api.example.com/api/v1/health/live",
            "the digest before is put back",
            "nothing was changed: this was --dry-run",
        ],
    );
    for call in scene.calls() {
        let harmless = ["kustomize", "version --client", "config current-context"];
        assert!(harmless.iter().any(|part| call.contains(part)), "{call}");
    }
}
