//! Images, resources and privileges of pods.

use delivery::checks::{identity, images, probes, resources, scripts, secrets};
use serde_json::json;

use crate::broken::Broken;

const CONTAINER: &str = "/spec/template/spec/containers/0";

#[test]
fn an_image_by_tag_is_named() {
    Broken::prod().set("SpinApp", "users", "/spec/image", "registry.example.com/roster/api:1.0").is_found(
        images::check,
        "prod: SpinApp users: the image registry.example.com/roster/api:1.0 is not named by digest",
    );
    Broken::prod()
        .set(
            "Job",
            "migrate-NNNN",
            &format!("{CONTAINER}/image"),
            "postgres:latest",
        )
        .is_found(
            images::check,
            "prod: Job migrate-NNNN: the image postgres:latest is named `latest`",
        );
    Broken::prod()
        .set(
            "Deployment",
            "pgbouncer",
            &format!("{CONTAINER}/image"),
            "pgbouncer@sha256:00",
        )
        .is_found(
            images::check,
            "prod: Deployment pgbouncer: the image pgbouncer@sha256:00 is not named by digest",
        );
    let image = "/spec/deploymentConfig/spinImage";
    Broken::prod().set("SpinAppExecutor", "spintainer", image, "ghcr.io/spinframework/spin:v4.1.0").is_found(
        images::check,
        "prod: SpinAppExecutor spintainer: the image ghcr.io/spinframework/spin:v4.1.0 is not named by digest",
    );
    let other = format!("registry.example.com/roster/api@sha256:{}", "1".repeat(64));
    Broken::prod()
        .set("SpinApp", "users", "/spec/image", other)
        .is_found(
            images::check,
            "prod: SpinApp users: its image is another than that of SpinApp auth",
        );
}

#[test]
fn missing_requests_and_limits_are_named() {
    Broken::prod()
        .unset("SpinApp", "users", "/spec/resources/limits", "memory")
        .is_found(
            resources::check,
            "prod: SpinApp users: container users has no limits of memory",
        );
    Broken::prod()
        .unset("Job", "migrate-NNNN", CONTAINER, "resources")
        .is_found(
            resources::check,
            "prod: Job migrate-NNNN: container migrate has no requests of cpu",
        );
    Broken::prod()
        .set("SpinApp", "users", "/spec/resources/requests/cpu", "3")
        .is_found(
            resources::check,
            "prod: SpinApp users: it requests more cpu than its limit",
        );
    Broken::prod()
        .set("SpinApp", "users", "/spec/resources/limits/cpu", "4")
        .is_found(
            resources::check,
            "prod: SpinApp users: its limit of cpu is more than the LimitRange allows",
        );
    Broken::prod()
        .set("LimitRange", "roster", "/spec/limits/0/default/cpu", "10m")
        .is_found(
            resources::check,
            "prod: LimitRange roster: defaultRequest, default and max of cpu are not in order",
        );
}

#[test]
fn pods_that_do_not_fit_into_the_quota_are_named() {
    // 23 of two groups, 5 of health, three of PgBouncer, the Job, the CronJob, five of others.
    Broken::prod()
        .set("ResourceQuota", "roster", "/spec/hard/pods", "60")
        .is_found(
            resources::check,
            "prod: ResourceQuota roster: spec.hard.pods is 60, and all pods during a rollout at their most need 61",
        );
    Broken::prod().set("ResourceQuota", "roster", "/spec/hard/limits.cpu", "64").is_found(
        resources::check,
        "prod: ResourceQuota roster: spec.hard.limits.cpu is 64, and all pods during a rollout at their most need 99",
    );
}

#[test]
fn what_pods_may_is_named() {
    let label = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    Broken::prod()
        .set("Namespace", "roster-prod", label, "baseline")
        .is_found(
            identity::check,
            "prod: Namespace roster-prod: Pod Security's `enforce` is not `restricted`",
        );
    Broken::prod()
        .set(
            "ServiceAccount",
            "users",
            "/automountServiceAccountToken",
            true,
        )
        .is_found(
            identity::check,
            "prod: SpinApp users: its pods get a token of the Kubernetes API",
        );
    Broken::prod()
        .unset("SpinApp", "users", "/spec", "serviceAccountName")
        .is_found(
            identity::check,
            "prod: SpinApp users: its pods get a token of the Kubernetes API",
        );
    Broken::prod().without("ServiceAccount", "users").is_found(
        identity::check,
        "prod: SpinApp users: there is no ServiceAccount users",
    );
    Broken::prod()
        .unset(
            "Deployment",
            "pgbouncer",
            "/spec/template/spec/securityContext",
            "runAsNonRoot",
        )
        .is_found(
            identity::check,
            "prod: Deployment pgbouncer: its pods may run as root or without a seccomp profile",
        );
    Broken::prod()
        .set(
            "Job",
            "migrate-NNNN",
            &format!("{CONTAINER}/securityContext/readOnlyRootFilesystem"),
            false,
        )
        .is_found(
            identity::check,
            "prod: Job migrate-NNNN: container migrate keeps privileges or a writable root",
        );
    Broken::prod()
        .set("Job", "migrate-NNNN", "/metadata/namespace", "default")
        .is_found(
            identity::check,
            "prod: Job migrate-NNNN: it is in the namespace `default`",
        );
}

#[test]
fn a_secret_that_is_rendered_is_named() {
    let metadata = json!({"name": "roster-secrets", "namespace": "roster-prod"});
    let broken = Broken::prod().add(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"db_password": "aHVudGVyMg=="},
    }));
    broken.is_found(
        secrets::check,
        "prod: Secret roster-secrets: a Secret is rendered that is more than runtime configuration",
    );
    broken.is_found(
        secrets::check,
        "prod: k8s/base/secret.example.yaml: it is among what is rendered",
    );
    let config = Broken::prod().hashed("ConfigMap", "roster-config");
    for (key, value) in [
        ("db_password", "hunter2"),
        (
            "breach_check_url",
            "https://roster:hunter2@passwords.example.com",
        ),
        ("jwt", "-----BEGIN PRIVATE KEY-----"),
    ] {
        let line = format!("prod: ConfigMap {config}: {key} looks like a secret and has a value");
        Broken::prod()
            .set("ConfigMap", &config, &format!("/data/{key}"), value)
            .is_found(secrets::check, &line);
    }
    let literal = json!({"name": "db_password", "value": "hunter2"});
    Broken::prod()
        .edit(
            ("SpinApp", "users"),
            "/spec/variables",
            "db_password",
            |bound| *bound = literal,
        )
        .is_found(
            secrets::check,
            "prod: SpinApp users: SPIN_VARIABLE_DB_PASSWORD looks like a secret and has a value",
        );
}

#[test]
fn a_script_that_is_not_there_or_reads_another_variable_is_named() {
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
            "there is no volume migration to mount",
        ),
        ("env/1/name", "PG_HOST", "migrate.sh does not read PG_HOST"),
    ];
    for (pointer, value, problem) in cases {
        Broken::prod()
            .set(
                "Job",
                "migrate-NNNN",
                &format!("{CONTAINER}/{pointer}"),
                value,
            )
            .is_found(
                scripts::check,
                &format!("prod: Job migrate-NNNN: {problem}"),
            );
    }
}

#[test]
fn a_probe_of_a_port_that_is_not_there_is_named() {
    Broken::prod()
        .set("Deployment", "pgbouncer", &format!("{CONTAINER}/livenessProbe/tcpSocket/port"), "sql")
        .is_found(
            probes::check,
            "prod: Deployment pgbouncer: livenessProbe asks port \"sql\", which its pods do not have",
        );
}
