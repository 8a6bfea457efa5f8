//! Calls that are rejected before anything runs, and missing requirements.

use super::fixture::{Fixture, assert_order, digest};

#[test]
fn invalid_arguments_run_nothing() {
    let fixture = Fixture::new();
    let (good, zeros) = (digest('a'), digest('0'));
    let calls: [&[&str]; 14] = [
        &[],
        &["dev"],
        &["production", &good],
        &["../dev", &good],
        &["dev", "latest"],
        &["dev", "1.2.3"],
        &["dev", "registry.example.com/roster/api:1.2.3"],
        &["dev", "sha256:abc"],
        &["dev", &good.to_uppercase()],
        &["dev", &zeros],
        &["dev", &good, &good],
        &["dev", &good, "--rollback"],
        &["--rollback"],
        &["dev", &good, "--force"],
    ];
    for call in calls {
        let output = fixture.run("deploy.sh", call).assert_status(2);
        assert!(output.starts_with("error: "), "{call:?}: {output}");
        assert_eq!(fixture.calls(), [""; 0], "{call:?}");
    }
}

#[test]
fn an_invalid_base_url_changes_nothing() {
    for address in [
        "api.example.com",
        "https://me:word@host",
        "https://host/path",
    ] {
        let fixture = Fixture::new().with("BASE_URL", address);
        let output = fixture
            .run("deploy.sh", &["dev", &digest('a')])
            .assert_status(2);
        assert!(output.contains("set BASE_URL"), "{output}");
        assert_eq!(fixture.writes(), [""; 0]);
    }
}

#[test]
fn all_missing_requirements_are_listed() {
    let fixture = Fixture::new()
        .with("COSIGN_KEY_PUB", "")
        .with("KUSTOMIZE", "v4.5.7")
        .with("UNREACHABLE", "yes")
        .without("cosign")
        .without("curl");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('a')])
        .assert_status(1);
    assert_eq!(output.lines().count(), 1, "{output}");
    let parts = [
        "a kubectl with kustomize 5",
        "cosign",
        "curl",
        "COSIGN_KEY_PUB, or COSIGN_IDENTITY and COSIGN_ISSUER",
        "a reachable cluster",
    ];
    for part in parts {
        assert!(output.contains(part), "{part}: {output}");
    }
    let bare = Fixture::new().without("kubectl");
    let output = bare
        .run("deploy.sh", &["dev", &digest('a')])
        .assert_status(1);
    assert_eq!(output, "error: missing: kubectl with kustomize 5\n");
}

#[test]
fn a_dry_run_requires_only_kubectl() {
    let fixture = Fixture::new()
        .with("COSIGN_KEY_PUB", "")
        .with("UNREACHABLE", "yes")
        .without("cosign")
        .without("curl");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('a'), "--dry-run"])
        .assert_status(0);
    assert!(output.contains("warning: missing: cosign; curl; COSIGN_KEY_PUB"));

    let fixture = Fixture::new().without("kubectl");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('a'), "--dry-run"])
        .assert_status(1);
    assert!(output.contains("kubectl with kustomize 5"), "{output}");
}

#[test]
fn a_placeholder_digest_is_rejected() {
    let fixture = Fixture::new();
    fixture.set_spin_image(&digest('0'));
    let told = "the digest of ghcr.io/spinframework/spin:v4.1.0 is a placeholder: set it in k8s/base/executor.yaml";
    let output = fixture
        .run("deploy.sh", &["prod", &digest('a')])
        .assert_status(1);
    assert!(output.contains(told), "{output}");
    assert!(!fixture.calls().iter().any(|call| call.contains("cosign")));
    assert_eq!(fixture.writes(), [""; 0]);
    let output = fixture
        .run("deploy.sh", &["prod", &digest('a'), "--dry-run"])
        .assert_status(0);
    assert!(output.contains(&format!("warning: {told}")), "{output}");
}

#[test]
fn missing_secrets_and_stores_prevent_the_migrations() {
    for environment in ["dev", "prod"] {
        for (setting, told) in [
            ("NO_SECRET", "roster-secrets"),
            ("NO_STORES", "is not ready"),
        ] {
            let fixture = Fixture::new().with(setting, "yes");
            let output = fixture
                .run("deploy.sh", &[environment, &digest('a')])
                .assert_status(1);
            assert!(output.contains(told), "{output}");
            assert_eq!(fixture.writes().len(), 2, "{:#?}", fixture.writes());
            assert_order(
                &fixture.writes(),
                &["pending.yaml", "notin (migrations, api)"],
            );
            fixture.assert_lease_released();
        }
    }
}

#[test]
fn a_missing_operator_is_reported_before_any_change() {
    let fixture = Fixture::new().with("NOT_SERVED", "SpinApp");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('a')])
        .assert_status(1);
    assert!(
        output.contains("does not serve SpinApp of core.spinkube.dev/v1alpha1"),
        "{output}"
    );
    assert_eq!(fixture.writes(), [""; 0]);
    assert!(!fixture.path("lease").exists());
}

#[test]
fn an_unresolvable_address_changes_nothing() {
    let fixture = Fixture::new().released("a").with("NO_ADDRESS", "yes");
    let output = fixture
        .run("deploy.sh", &["dev", &digest('b')])
        .assert_status(1);
    assert!(output.contains("does not resolve"), "{output}");
    assert_eq!(fixture.writes(), [""; 0]);
}

#[test]
fn every_script_has_help() {
    let fixture = Fixture::new();
    for script in ["build.sh", "deploy.sh", "smoke.sh"] {
        let ran = fixture.run(script, &["--help"]);
        ran.assert_status(0);
        assert!(ran.stdout.contains(&format!("scripts/{script} ")));
        assert!(!ran.stdout.contains("set -euo"), "{}", ran.stdout);
        assert_eq!(ran.stderr, "");
    }
}
