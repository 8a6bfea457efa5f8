//! Successful deploys, the state that they leave, and their output before a change.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_yaml_ng::Value;

use super::fixture::{Fixture, assert_order, digest};

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
fn a_deploy_runs_from_verification_to_smoke_test_in_order() {
    let fixture = Fixture::new();
    let output = fixture.deploy("dev a", 0);
    assert!(output.contains(&format!("dev runs {}", digest('a'))));
    let order = "
        get --raw /version
        cosign verify --key awskms:///alias/roster --output text registry.example.com/roster/api@{a}
        api-resources
        create --filename -
        get configmaps --selector roster/record=release
        component notin (migrations, api) --dry-run=server
        pending.yaml
        component notin (migrations, api)
        --namespace roster-dev get secret roster-secrets --output name
        get deployments.apps,statefulsets.apps
        component=api --dry-run=server
        delete job migrate-
        --selector app.kubernetes.io/component=migrations
        get job migrate-
        --selector app.kubernetes.io/component=api
        get deployments.apps,statefulsets.apps
        https://api.dev.example.com/api/v1/health/live
        https://api.dev.example.com/.well-known/spin/health
        record.yaml
        delete configmap release-pending
        get deployments,pods,services,httproutes
        replace --filename -";
    assert_order(&fixture.calls(), &order.replace("{a}", &digest('a')));
    fixture.assert_lease_released();
    let overlay = "k8s/overlays/dev/kustomization.yaml";
    let read = |folder: &Path| fs::read_to_string(folder.join(overlay)).unwrap();
    assert_eq!(read(&fixture.project()), read(&delivery::root()));
    fixture.assert_state("a", "a");
}

#[test]
fn a_changed_executor_is_rolled_out_with_the_apps() {
    let fixture = Fixture::new().released("a");
    let before = fixture.executors();
    fixture.set_spin_image(&digest('f'));
    let failing = fixture.with("JOB_FAILS", "yes");
    failing.deploy("dev a", 1);
    assert_eq!(failing.executors(), before);
    let fixture = failing.with("JOB_FAILS", "");
    fixture.deploy("dev a", 0);
    let after = fixture.executors();
    assert!(before.iter().zip(&after).all(|(one, other)| one != other));
    // The old one is deleted, because no SpinApp refers to it.
    let left = fs::read_to_string(fixture.path("executors")).unwrap();
    assert_eq!(left.trim(), after[0].1);
}

#[test]
fn every_spin_app_gets_the_digest_and_a_version() {
    let fixture = Fixture::new();
    fixture.deploy("staging b", 0);
    let applied = fixture.applied();
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
fn a_repeated_deploy_is_idempotent() {
    let fixture = Fixture::new().released("ab");
    fixture.deploy("dev b", 0);
    let applied = fixture.applied();
    assert_eq!(applied[3..6], applied[6..9]);
    assert_eq!(fixture.recorded(), "ab");
}

#[test]
fn the_last_three_releases_are_recorded_without_secrets() {
    let fixture = Fixture::new().released("abcd");
    assert_eq!(fixture.recorded(), "bcd");
    let name = fixture.path("configmaps/release-000004");
    let text = fs::read_to_string(name).unwrap();
    assert!(text.contains("secrets: \"runtime-config-"), "{text}");
    assert!(text.len() < 100_000, "{} bytes", text.len());
}

#[test]
fn an_older_release_does_not_overtake_a_newer_one() {
    let fixture = Fixture::new().with("RELEASE_ORDER", "7").released("b");
    let older = fixture.with("RELEASE_ORDER", "6");
    let output = older.deploy("dev a", 1);
    let is_told = output.contains("a newer release works in dev (7, this is 6)");
    assert!(is_told, "{output}");
    older.assert_unchanged();
    older.assert_lease_released();
}

#[test]
fn migrate_only_runs_only_the_migrations() {
    let fixture = Fixture::new().released("a");
    fixture.deploy("dev b --migrate-only", 0);
    assert_eq!(fixture.deployed_digests(), "a");
    let applied = fixture.applied().pop().unwrap();
    let has_deadline = applied.contains("activeDeadlineSeconds: 14380");
    assert!(has_deadline, "{applied}");
    fixture.assert_lease_released();
}

#[test]
fn prod_waits_for_external_secrets_and_has_no_docs() {
    let fixture = Fixture::new();
    fixture.deploy("prod a", 0);
    let order = "component notin (migrations, api)
        get externalsecrets.external-secrets.io roster-secrets
        get secret roster-secrets --output name
        get deployments.apps,statefulsets.apps
        component=migrations
        component=api
        https://api.example.com/api/v1/health/ready";
    assert_order(&fixture.calls(), order);
    let names: Vec<_> = fixture.executors().into_iter().map(|app| app.0).collect();
    assert_eq!(names, groups_of_prod());
}

#[test]
fn keyless_verification_matches_the_whole_identity() {
    let issuer = "https://token.actions.githubusercontent.com";
    let fixture = Fixture::new()
        .with("COSIGN_KEY_PUB", "")
        .with("COSIGN_IDENTITY", "https://github.com/example/roster/.*")
        .with("COSIGN_ISSUER", issuer);
    fixture.deploy("dev a", 0);
    let identity = "--certificate-identity-regexp ^(https://github.com/example/roster/.*)$";
    let verify = format!("cosign verify {identity} --certificate-oidc-issuer {issuer}");
    assert_order(&fixture.calls(), &verify);
}

#[test]
fn the_context_and_the_address_are_configurable() {
    let fixture = Fixture::new()
        .with("KUBE_CONTEXT", "blue")
        .with("BASE_URL", "https://10.0.0.1:8443");
    fixture.deploy("dev a", 0);
    let calls = fixture.calls();
    assert_order(&calls, "https://10.0.0.1:8443/api/v1/users");
    for call in calls.iter().filter(|call| call.contains(" apply ")) {
        assert!(call.starts_with("kubectl --context blue "), "{call}");
    }
}

#[test]
fn a_dry_run_prints_every_step_and_runs_none() {
    let fixture = Fixture::new();
    let output = fixture.deploy("prod a --dry-run", 0);
    let lines: Vec<_> = output.lines().map(str::to_owned).collect();
    let order = "cosign verify
        'app.kubernetes.io/component notin (migrations, api)'
        externalsecret/roster-secrets
        get secret roster-secrets --output name
        for pgbouncer
        delete job migrate-
        component=migrations
        waits up to 5 minutes for migrate-
        component=api
        waits up to 10 minutes for pgbouncer {groups}
        https://api.example.com/api/v1/health/live
        the previous release is restored
        nothing was changed: this was --dry-run";
    assert_order(
        &lines,
        &order.replace("{groups}", &groups_of_prod().join(" ")),
    );
    for call in fixture.calls() {
        let harmless = ["kustomize", "version --client", "config current-context"];
        assert!(harmless.iter().any(|part| call.contains(part)), "{call}");
    }
}
