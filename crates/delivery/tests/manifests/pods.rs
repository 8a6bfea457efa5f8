//! Images, resources and privileges of pods.

use delivery::checks::{identity, images, probes, resources, scripts, secrets};
use serde_json::json;

use crate::modified::ModifiedEnvironment;

const CONTAINER: &str = "/spec/template/spec/containers/0";

#[test]
fn reports_an_image_without_a_digest() {
    ModifiedEnvironment::prod().set("SpinApp", "users", "/spec/image", "registry.example.com/roster/api:1.0")
        .assert_reported(
            images::check,
            "prod: SpinApp users: the image registry.example.com/roster/api:1.0 is not pinned by digest",
        );
    ModifiedEnvironment::prod()
        .set(
            "Job",
            "migrate-NNNN",
            &format!("{CONTAINER}/image"),
            "postgres:latest",
        )
        .assert_reported(
            images::check,
            "prod: Job migrate-NNNN: the image postgres:latest has the tag `latest`",
        );
    ModifiedEnvironment::prod()
        .set(
            "Deployment",
            "pgbouncer",
            &format!("{CONTAINER}/image"),
            "pgbouncer@sha256:00",
        )
        .assert_reported(
            images::check,
            "prod: Deployment pgbouncer: the image pgbouncer@sha256:00 is not pinned by digest",
        );
    let image = "/spec/deploymentConfig/spinImage";
    ModifiedEnvironment::prod().set("SpinAppExecutor", "spintainer", image, "ghcr.io/spinframework/spin:v4.1.0")
        .assert_reported(
            images::check,
            "prod: SpinAppExecutor spintainer: the image ghcr.io/spinframework/spin:v4.1.0 is not pinned by digest",
        );
    let other = format!("registry.example.com/roster/api@sha256:{}", "1".repeat(64));
    ModifiedEnvironment::prod()
        .set("SpinApp", "users", "/spec/image", other)
        .assert_reported(
            images::check,
            "prod: SpinApp users: its image differs from that of SpinApp auth",
        );
}

#[test]
fn reports_missing_requests_and_limits() {
    ModifiedEnvironment::prod()
        .unset("SpinApp", "users", "/spec/resources/limits", "memory")
        .assert_reported(
            resources::check,
            "prod: SpinApp users: container users has no limits of memory",
        );
    ModifiedEnvironment::prod()
        .unset("Job", "migrate-NNNN", CONTAINER, "resources")
        .assert_reported(
            resources::check,
            "prod: Job migrate-NNNN: container migrate has no requests of cpu",
        );
    ModifiedEnvironment::prod()
        .set("SpinApp", "users", "/spec/resources/requests/cpu", "3")
        .assert_reported(
            resources::check,
            "prod: SpinApp users: it requests more cpu than its limit",
        );
    ModifiedEnvironment::prod()
        .set("SpinApp", "users", "/spec/resources/limits/cpu", "4")
        .assert_reported(
            resources::check,
            "prod: SpinApp users: its limit of cpu is more than the LimitRange allows",
        );
    ModifiedEnvironment::prod()
        .set("LimitRange", "roster", "/spec/limits/0/default/cpu", "10m")
        .assert_reported(
            resources::check,
            "prod: LimitRange roster: defaultRequest, default and max of cpu are not in order",
        );
}

#[test]
fn reports_pods_over_the_quota() {
    // 23 of two groups, 5 of health, three of PgBouncer, the Job, the CronJob, five of others.
    ModifiedEnvironment::prod()
        .set("ResourceQuota", "roster", "/spec/hard/pods", "60")
        .assert_reported(
            resources::check,
            "prod: ResourceQuota roster: spec.hard.pods is 60, but a rollout at the maximum number of pods needs 61",
        );
    ModifiedEnvironment::prod().set("ResourceQuota", "roster", "/spec/hard/limits.cpu", "64").assert_reported(
        resources::check,
        "prod: ResourceQuota roster: spec.hard.limits.cpu is 64, but a rollout at the maximum number of pods needs 99",
    );
}

#[test]
fn reports_privileged_pods() {
    let label = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    ModifiedEnvironment::prod()
        .set("Namespace", "roster-prod", label, "baseline")
        .assert_reported(
            identity::check,
            "prod: Namespace roster-prod: Pod Security's `enforce` is not `restricted`",
        );
    ModifiedEnvironment::prod()
        .set(
            "ServiceAccount",
            "users",
            "/automountServiceAccountToken",
            true,
        )
        .assert_reported(
            identity::check,
            "prod: SpinApp users: its pods get a token of the Kubernetes API",
        );
    ModifiedEnvironment::prod()
        .unset("SpinApp", "users", "/spec", "serviceAccountName")
        .assert_reported(
            identity::check,
            "prod: SpinApp users: its pods get a token of the Kubernetes API",
        );
    ModifiedEnvironment::prod()
        .without("ServiceAccount", "users")
        .assert_reported(
            identity::check,
            "prod: SpinApp users: ServiceAccount users does not exist",
        );
    ModifiedEnvironment::prod()
        .unset(
            "Deployment",
            "pgbouncer",
            "/spec/template/spec/securityContext",
            "runAsNonRoot",
        )
        .assert_reported(
            identity::check,
            "prod: Deployment pgbouncer: its pods may run as root or without a seccomp profile",
        );
    ModifiedEnvironment::prod()
        .set(
            "Job",
            "migrate-NNNN",
            &format!("{CONTAINER}/securityContext/readOnlyRootFilesystem"),
            false,
        )
        .assert_reported(
            identity::check,
            "prod: Job migrate-NNNN: container migrate has privileges or a writable root file system",
        );
    ModifiedEnvironment::prod()
        .set("Job", "migrate-NNNN", "/metadata/namespace", "default")
        .assert_reported(
            identity::check,
            "prod: Job migrate-NNNN: it is in the namespace `default`",
        );
}

#[test]
fn reports_a_rendered_secret() {
    let metadata = json!({"name": "roster-secrets", "namespace": "roster-prod"});
    let modified = ModifiedEnvironment::prod().add(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"db_password": "aHVudGVyMg=="},
    }));
    modified.assert_reported(
        secrets::check,
        "prod: Secret roster-secrets: it is rendered with more than runtime configuration",
    );
    modified.assert_reported(
        secrets::check,
        "prod: k8s/base/secret.example.yaml: it is rendered",
    );
    let config = ModifiedEnvironment::prod().hashed("ConfigMap", "roster-config");
    for (key, value) in [
        ("db_password", "hunter2"),
        (
            "breach_check_url",
            "https://roster:hunter2@passwords.example.com",
        ),
        ("jwt", "-----BEGIN PRIVATE KEY-----"),
    ] {
        let line = format!("prod: ConfigMap {config}: {key} looks like a secret and has a value");
        ModifiedEnvironment::prod()
            .set("ConfigMap", &config, &format!("/data/{key}"), value)
            .assert_reported(secrets::check, &line);
    }
    let literal = json!({"name": "db_password", "value": "hunter2"});
    ModifiedEnvironment::prod()
        .edit(
            ("SpinApp", "users"),
            "/spec/variables",
            "db_password",
            |bound| *bound = literal,
        )
        .assert_reported(
            secrets::check,
            "prod: SpinApp users: SPIN_VARIABLE_DB_PASSWORD looks like a secret and has a value",
        );
}

#[test]
fn reports_missing_scripts_and_variables() {
    let cases = [
        (
            "command/1",
            "/scripts/migration.sh",
            "nothing mounts /scripts/migration.sh",
        ),
        (
            "volumeMounts/1/mountPath",
            "/script",
            "nothing mounts /scripts/migrate.sh",
        ),
        (
            "volumeMounts/0/name",
            "migration",
            "volume migration does not exist",
        ),
        ("env/1/name", "PG_HOST", "migrate.sh does not read PG_HOST"),
    ];
    for (pointer, value, problem) in cases {
        ModifiedEnvironment::prod()
            .set(
                "Job",
                "migrate-NNNN",
                &format!("{CONTAINER}/{pointer}"),
                value,
            )
            .assert_reported(
                scripts::check,
                &format!("prod: Job migrate-NNNN: {problem}"),
            );
    }
}

#[test]
fn reports_a_probe_of_an_unknown_port() {
    ModifiedEnvironment::prod()
        .set("Deployment", "pgbouncer", &format!("{CONTAINER}/livenessProbe/tcpSocket/port"), "sql")
        .assert_reported(
            probes::check,
            "prod: Deployment pgbouncer: livenessProbe uses port \"sql\", which its pods do not have",
        );
}
