//! Unknown fields, unknown kinds, and objects that admission rejects.

use delivery::checks::{admission, core_kinds, schemas};
use delivery::kustomize::Optional;
use serde_json::json;

use crate::modified::{ModifiedEnvironment, assert_finding};

#[test]
fn reports_a_misspelt_field_of_a_core_kind() {
    let modified = ModifiedEnvironment::prod()
        .set("PodDisruptionBudget", "users", "/spec/maxUnavailabel", 1)
        .set("HorizontalPodAutoscaler", "auth", "/spec/behavior/scaleUp/policy", "Max")
        .set("SpinApp", "health", "/spec/volumes", json!([{"name": "x", "emptyDirectory": {}}]))
        .add(json!({"apiVersion": "example.com/v1", "kind": "Wish", "metadata": {"name": "one", "namespace": "roster-prod"}}));
    let lines = core_kinds::check([modified.environment()].into_iter()).unwrap();
    let unexpected =
        |name: &str| format!("Additional properties are not allowed ('{name}' was unexpected)");
    for line in [
        format!("prod: PodDisruptionBudget users: spec: {}", unexpected("maxUnavailabel")),
        format!("prod: HorizontalPodAutoscaler auth: spec.behavior.scaleUp: {}", unexpected("policy")),
        // The operator copies this field without validating it.
        format!("prod: Deployment health: spec.template.spec.volumes.0: {}", unexpected("emptyDirectory")),
        format!("prod: Pod health: spec.volumes.0: {}", unexpected("emptyDirectory")),
        "prod: Wish one: Couldn't find schema for kind Wish with api version example.com/v1 for kubernetes version 1.34".to_owned(),
    ] {
        assert_finding(lines.clone(), &line);
    }
    assert_eq!(lines.len(), 5);
}

#[test]
fn reports_a_misspelt_field_of_a_custom_kind() {
    let cases = [
        (
            Optional::Keda,
            "SpinApp",
            "users",
            "/spec",
            "serviceAccount",
        ),
        (
            Optional::Keda,
            "SpinApp",
            "users",
            "/spec/checks/liveness",
            "timeout",
        ),
        (
            Optional::Keda,
            "SpinApp",
            "users",
            "/spec/variables/0/valueFrom/configMapKeyRef",
            "keys",
        ),
        (
            Optional::Keda,
            "SpinAppExecutor",
            "spintainer",
            "/spec/deploymentConfig",
            "image",
        ),
        (
            Optional::Keda,
            "Gateway",
            "roster",
            "/spec/listeners/1/tls",
            "certificateRef",
        ),
        (
            Optional::Keda,
            "HTTPRoute",
            "users",
            "/spec/rules/0/backendRefs/0",
            "namespaces",
        ),
        (
            Optional::Keda,
            "ScaledObject",
            "users",
            "/spec",
            "maxReplicas",
        ),
        (
            Optional::Keda,
            "ExternalSecret",
            "roster-secrets",
            "/spec/data/0",
            "remoteref",
        ),
        (Optional::Keda, "ScrapeConfig", "roster", "/spec", "path"),
        (
            Optional::Keda,
            "ClientTrafficPolicy",
            "roster",
            "/spec/timeout/http",
            "idle",
        ),
        (
            Optional::Keda,
            "BackendTrafficPolicy",
            "roster",
            "/spec/rateLimit/local/rules/0",
            "limits",
        ),
        (
            Optional::Kyverno,
            "NamespacedImageValidatingPolicy",
            "app-signature",
            "/spec/attestors/0/cosign",
            "keyles",
        ),
        (
            Optional::Keda,
            "PrometheusRule",
            "roster",
            "/spec/groups/0/rules/0",
            "expression",
        ),
        (
            Optional::Keda,
            "MutatingAdmissionPolicy",
            "roster-app-pods.roster-prod",
            "/spec/mutations/0",
            "jsonpatch",
        ),
        (
            Optional::Keda,
            "MutatingAdmissionPolicyBinding",
            "roster-app-pods.roster-prod",
            "/spec/matchResources",
            "namespaces",
        ),
    ];
    for (component, kind, name, at, field) in cases {
        let modified =
            ModifiedEnvironment::with(component).set(kind, name, &format!("{at}/{field}"), "x");
        let path = at.trim_start_matches('/').replace('/', ".");
        let environment = &modified.environment().name;
        modified.assert_reported(
            schemas::check,
            &format!(
                "{environment}: {kind} {name}: {path}: Additional properties are not allowed \
                 ('{field}' was unexpected)"
            ),
        );
    }
}

#[test]
fn reports_wrong_types_and_missing_fields() {
    ModifiedEnvironment::prod()
        .set("SpinApp", "users", "/spec/enableAutoscaling", "yes")
        .assert_reported(
            schemas::check,
            "prod: SpinApp users: spec.enableAutoscaling: \"yes\" is not of type \"boolean\"",
        );
    ModifiedEnvironment::prod()
        .unset("SpinApp", "users", "/spec", "image")
        .assert_reported(
            schemas::check,
            "prod: SpinApp users: spec: \"image\" is a required property",
        );
}

#[test]
fn reports_objects_rejected_by_the_operator() {
    let cases = [
        (
            ModifiedEnvironment::prod().set("SpinApp", "users", "/spec/replicas", 2),
            "SpinApp users: spec.replicas and spec.enableAutoscaling are mutually exclusive",
        ),
        (
            ModifiedEnvironment::prod().set("SpinApp", "users", "/spec/enableAutoscaling", false),
            "SpinApp users: spec.replicas must be 1 or more without spec.enableAutoscaling",
        ),
        (
            ModifiedEnvironment::prod().set("SpinApp", "users", "/spec/executor", "shim"),
            "SpinApp users: spec.executor: SpinAppExecutor shim does not exist",
        ),
        (
            ModifiedEnvironment::prod().copy("SpinApp", "users", &"u".repeat(53)),
            &format!(
                "SpinApp {}: its name must be a valid Service name of at most 52 characters",
                "u".repeat(53)
            ),
        ),
        (
            ModifiedEnvironment::prod().unset(
                "SpinApp",
                "users",
                "/spec/runtimeConfig",
                "loadFromSecret",
            ),
            "SpinApp users: spec.runtimeConfig.loadFromSecret is missing: Spin in a container needs it",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinApp",
                "users",
                "/spec/runtimeConfig/keyValueStores",
                json!([]),
            ),
            "SpinApp users: spec.runtimeConfig.keyValueStores is ignored if loadFromSecret is set",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinApp",
                "users",
                "/spec/runtimeConfig/loadFromSecret",
                "roster-secrets",
            ),
            "SpinApp users: Secret roster-secrets has no key runtime-config.toml",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinApp",
                "users",
                "/spec/invocationLimits/memory",
                "1Gi",
            ),
            "SpinApp users: spec.invocationLimits.memory is not a quantity, or exceeds the memory of the pod",
        ),
        (
            ModifiedEnvironment::prod().set("SpinApp", "users", "/spec/components/0", "user"),
            "SpinApp users: spec.components: spin.toml has no component user",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinAppExecutor",
                "spintainer",
                "/spec/deploymentConfig/runtimeClassName",
                "x",
            ),
            "SpinAppExecutor spintainer: spec.deploymentConfig must have one of runtimeClassName and spinImage",
        ),
        (
            ModifiedEnvironment::prod().unset(
                "SpinAppExecutor",
                "spintainer",
                "/spec/deploymentConfig",
                "spinImage",
            ),
            "SpinAppExecutor spintainer: spec.deploymentConfig must have one of runtimeClassName and spinImage",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinAppExecutor",
                "spintainer",
                "/spec/createDeployment",
                false,
            ),
            "SpinApp users: spec.podAnnotations needs an executor that creates a Deployment",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinAppExecutor",
                "spintainer",
                "/spec/deploymentConfig/installDefaultCACerts",
                true,
            ),
            "SpinAppExecutor spintainer: the operator's root certificates would hide the newer ones of the image",
        ),
        (
            ModifiedEnvironment::prod().set(
                "SpinAppExecutor",
                "spintainer",
                "/spec/deploymentConfig/spinImage",
                "spin:v4.0.1",
            ),
            "SpinAppExecutor spintainer: spin:v4.0.1 is not tagged as Spin 4.1 or later",
        ),
    ];
    for (modified, line) in cases {
        modified.assert_reported(admission::check, &format!("prod: {line}"));
    }
}
