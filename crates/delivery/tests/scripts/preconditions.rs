//! Calls that are rejected before anything runs, and missing requirements.

use super::fixture::{Fixture, assert_order, digest};

#[test]
fn invalid_arguments_run_nothing() {
    let fixture = Fixture::new();
    let calls = "
        dev
        production a
        ../dev a
        dev latest
        dev 1.2.3
        dev registry.example.com/roster/api:1.2.3
        dev sha256:abc
        dev a a
        dev a --rollback
        --rollback
        dev a --force";
    let (large, zeros) = (digest('a').to_uppercase(), digest('0'));
    let digests = [format!("dev {large}"), format!("dev {zeros}")];
    for call in calls.lines().chain(digests.iter().map(String::as_str)) {
        let output = fixture.deploy(call, 2);
        assert!(output.starts_with("error: "), "{call}: {output}");
        assert_eq!(fixture.calls(), [""; 0], "{call}");
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
    let output = fixture.deploy("dev a", 1);
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
    let output = Fixture::new().without("kubectl").deploy("dev a", 1);
    assert_eq!(output, "error: missing: kubectl with kustomize 5\n");
}

#[test]
fn a_dry_run_requires_only_kubectl() {
    let fixture = Fixture::new()
        .with("COSIGN_KEY_PUB", "")
        .with("UNREACHABLE", "yes")
        .without("cosign")
        .without("curl");
    let output = fixture.deploy("dev a --dry-run", 0);
    assert!(output.contains("warning: missing: cosign; curl; COSIGN_KEY_PUB"));
    let output = Fixture::new()
        .without("kubectl")
        .deploy("dev a --dry-run", 1);
    assert!(output.contains("kubectl with kustomize 5"), "{output}");
}

#[test]
fn a_placeholder_digest_is_rejected() {
    let fixture = Fixture::new();
    fixture.set_spin_image(&digest('0'));
    let told = "the digest of ghcr.io/spinframework/spin:v4.1.0 is a placeholder: set it in k8s/base/executor.yaml";
    let output = fixture.deploy("prod a", 1);
    assert!(output.contains(told), "{output}");
    assert!(!fixture.calls().iter().any(|call| call.contains("cosign")));
    fixture.assert_unchanged();
    let output = fixture.deploy("prod a --dry-run", 0);
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
            let output = fixture.deploy(&format!("{environment} a"), 1);
            assert!(output.contains(told), "{output}");
            let writes = fixture.writes();
            assert_eq!(writes.len(), 2, "{writes:#?}");
            assert_order(&writes, "pending.yaml\nnotin (migrations, api)");
            fixture.assert_lease_released();
        }
    }
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
