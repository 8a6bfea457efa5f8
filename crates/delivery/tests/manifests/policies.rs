//! Admission, the deployer's roles, rotation, alerts and the edge: each rule violated once.

use delivery::checks::{Check, alerts, core_kinds, deployer, edge, identity, policies, rotation};
use delivery::kustomize::Optional;
use serde_json::{Value, json};

use crate::modified::{ModifiedEnvironment, assert_finding};

const POLICY: (&str, &str) = ("MutatingAdmissionPolicy", "roster-app-pods.roster-prod");
const BINDING: (&str, &str) = (
    "MutatingAdmissionPolicyBinding",
    "roster-app-pods.roster-prod",
);
const CONFIGURATION: &str = "/spec/mutations/0/applyConfiguration/expression";
const PATCH: &str = "/spec/mutations/1/jsonPatch/expression";

/// Returns prod with one part of the policy for pods replaced.
#[track_caller]
fn rewritten(pointer: &str, part: &str, other: &str) -> ModifiedEnvironment {
    let modified = ModifiedEnvironment::prod();
    let policy = modified.environment().find(POLICY.0, POLICY.1).unwrap();
    let expression = policy
        .value()
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap();
    assert!(expression.contains(part), "{part}");
    let changed = expression.replace(part, other);
    modified.set(POLICY.0, POLICY.1, pointer, changed)
}

#[test]
fn reports_missing_parts_of_the_admission_policies() {
    let root = "its pods may run as root or without a seccomp profile";
    let keeps = "container users has privileges or a writable root file system";
    let cases: [(&str, &str, &str, Check, &str); 12] = [
        (
            CONFIGURATION,
            "runAsNonRoot: true",
            "runAsNonRoot: false",
            identity::check,
            root,
        ),
        (
            CONFIGURATION,
            "\"RuntimeDefault\"",
            "\"Unconfined\"",
            identity::check,
            root,
        ),
        (
            CONFIGURATION,
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
            identity::check,
            keeps,
        ),
        (
            PATCH,
            "{\"drop\": [\"ALL\"]}",
            "{\"drop\": []}",
            identity::check,
            keeps,
        ),
        (
            CONFIGURATION,
            "seconds: 10",
            "seconds: 1",
            policies::check,
            "its pods stop after 1 s, while they still receive requests",
        ),
        (
            CONFIGURATION,
            "Seconds: 45",
            "Seconds: 20",
            policies::check,
            "its pods are killed after 20 s, before the longest request ends",
        ),
        (
            CONFIGURATION,
            "mountPath: \"/scratch\"",
            "mountPath: \"/tmp\"",
            policies::check,
            "its pods cannot write to HOME, where Spin has its cache",
        ),
        (
            CONFIGURATION,
            "spin_factor_outbound_redis=off,",
            "",
            policies::check,
            "SPIN_OTEL_TRACING_LEVEL enables spans with personal data",
        ),
        (
            PATCH,
            "ip_unprivileged_port_start",
            "ip_forward",
            policies::check,
            "its pods cannot listen on port 80",
        ),
        (
            PATCH,
            "\"kubernetes.io/hostname\", ",
            "",
            policies::check,
            "its pods may all run on one node",
        ),
        (
            PATCH,
            "op: \"add\"",
            "op: \"remove\"",
            policies::check,
            "its pods are not admitted: MutatingAdmissionPolicy roster-app-pods.roster-prod: unsupported operation: \"remove\"",
        ),
        (
            PATCH,
            "variables.app",
            "variables.apps",
            policies::check,
            "its pods are not admitted: MutatingAdmissionPolicy roster-app-pods.roster-prod: undefined member: apps",
        ),
    ];
    for (pointer, part, other, check, problem) in cases {
        let line = format!("prod: SpinApp users: {problem}");
        rewritten(pointer, part, other).assert_reported(check, &line);
    }
}

#[test]
fn reports_an_unknown_pod_field() {
    let modified = rewritten(CONFIGURATION, "runAsUser:", "runAs:");
    assert_finding(
        core_kinds::check([modified.environment()].into_iter()).unwrap(),
        "prod: Pod users: spec.securityContext: Additional properties are not allowed ('runAs' was unexpected)",
    );
}

#[test]
fn reports_ineffective_admission_policies() {
    let other = "/spec/matchResources/namespaceSelector/matchLabels/kubernetes.io~1metadata.name";
    let modified = ModifiedEnvironment::prod().set(BINDING.0, BINDING.1, other, "roster-dev");
    let root = "prod: SpinApp users: its pods may run as root or without a seccomp profile";
    modified.assert_reported(identity::check, root);
    modified.assert_reported(
        policies::check,
        &format!(
            "prod: {} {}: it applies to other namespaces than the environment's",
            BINDING.0, BINDING.1
        ),
    );
    let modified = ModifiedEnvironment::prod().without(BINDING.0, BINDING.1);
    modified.assert_reported(identity::check, root);
    ModifiedEnvironment::prod()
        .set(BINDING.0, BINDING.1, "/spec/policyName", "roster")
        .assert_reported(
            policies::check,
            &format!(
                "prod: {} {}: spec.policyName: {} roster does not exist",
                BINDING.0, BINDING.1, POLICY.0
            ),
        );
    ModifiedEnvironment::prod().copy(POLICY.0, POLICY.1, "roster-app-pods").assert_reported(
        policies::check,
        &format!(
            "prod: {} roster-app-pods: its name does not end with .roster-prod, so another environment may \
             have the same name",
            POLICY.0
        ),
    );
    ModifiedEnvironment::prod()
        .without(POLICY.0, "roster-app-deployments.roster-prod")
        .assert_reported(
            policies::check,
            "prod: Deployment users: a rollout may stop pods before others are ready",
        );
}

#[test]
fn reports_pgbouncer_without_a_termination_delay() {
    let container = "/spec/template/spec/containers/0";
    ModifiedEnvironment::prod()
        .unset("Deployment", "pgbouncer", container, "lifecycle")
        .assert_reported(
            policies::check,
            "prod: Deployment pgbouncer: its pods stop after 0 s, while they still receive requests",
        );
}

#[test]
fn reports_wrong_permissions_of_the_deployer() {
    let kind = json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "x"}});
    ModifiedEnvironment::prod().add(kind).assert_reported(
        deployer::check,
        "prod: k8s/deployer/prod: the Role does not allow `create` of Certificate x",
    );
    ModifiedEnvironment::prod()
        .copy("Namespace", "roster-prod", "roster")
        .assert_reported(
            deployer::check,
            "prod: k8s/deployer/prod: the ClusterRole does not allow `patch` of Namespace roster",
        );
    let everywhere = |role: &mut delivery::object::Object| {
        if role.kind() == "ClusterRole" {
            role.value_mut()["rules"][0]["resourceNames"] = json!([]);
        }
    };
    ModifiedEnvironment::prod()
        .project(|project| project.deployers.get_mut("prod").unwrap().iter_mut().for_each(everywhere))
        .assert_reported(
            deployer::check,
            "prod: k8s/deployer/prod: a rule of the ClusterRole has no resourceNames, so it applies to every environment",
        );
}

#[test]
fn reports_pods_without_the_rotation_annotation() {
    ModifiedEnvironment::prod()
        .unset("Deployment", "pgbouncer", "/spec/template/metadata", "annotations")
        .assert_reported(
            rotation::check,
            "prod: Deployment pgbouncer: its pods lack the annotation roster/secrets, whose change restarts them",
        );
    ModifiedEnvironment::prod()
        .set(
            "SpinApp",
            "auth",
            "/spec/podAnnotations/roster~1secrets",
            "2",
        )
        .assert_reported(
            rotation::check,
            "prod: the overlay: pods have different values of the annotation roster/secrets",
        );
}

#[test]
fn reports_alerts_without_a_metric_or_runbook() {
    let rule = "/spec/groups/0/rules/0";
    ModifiedEnvironment::prod()
        .set("PrometheusRule", "roster", &format!("{rule}/expr"), "roster_x_total > 0")
        .assert_reported(
            alerts::check,
            "prod: PrometheusRule roster: RosterDown queries roster_x_total, which the app does not export",
        );
    for modified in [
        ModifiedEnvironment::prod().set(
            "PrometheusRule",
            "roster",
            &format!("{rule}/annotations/runbook"),
            "docs/x.md",
        ),
        ModifiedEnvironment::prod()
            .project(|project| project.runbook = project.runbook.replace("## RosterDown", "##")),
    ] {
        modified.assert_reported(
            alerts::check,
            "prod: PrometheusRule roster: RosterDown has no section in docs/runbook.md, or no link to it",
        );
    }
}

#[test]
fn reports_an_insecure_edge() {
    let answers =
        "it serves more than pages over http://, where passwords would be sent in clear text";
    ModifiedEnvironment::dev()
        .set(
            "HTTPRoute",
            "docs-over-http",
            "/spec/rules/0/matches/0/path/value",
            "/api",
        )
        .assert_reported(
            edge::check,
            &format!("dev: HTTPRoute docs-over-http: {answers}"),
        );
    ModifiedEnvironment::dev()
        .unset("HTTPRoute", "docs-over-http", "/spec/rules/0", "matches")
        .assert_reported(
            edge::check,
            &format!("dev: HTTPRoute docs-over-http: {answers}"),
        );
    ModifiedEnvironment::prod()
        .set(
            "HTTPRoute",
            "users",
            "/spec/parentRefs/0/sectionName",
            "http",
        )
        .assert_reported(
            edge::check,
            "prod: HTTPRoute users: it serves more than a redirect over http://",
        );
    ModifiedEnvironment::with(Optional::Ingress)
        .unset("Ingress", "users", "/metadata", "annotations")
        .assert_reported(
            edge::check,
            "prod with ingress: Ingress users: it also serves http://",
        );
    let policy = |pointer: &str, value: Value| {
        ModifiedEnvironment::prod().set("BackendTrafficPolicy", "roster", pointer, value)
    };
    policy("/spec/retry/retryOn/triggers", json!(["5xx"])).assert_reported(
        edge::check,
        "prod: BackendTrafficPolicy roster: it retries on [\"5xx\"] instead of [\"connect-failure\", \"refused-stream\"]",
    );
    policy("/spec/rateLimit/local/rules/1/clientSelectors/0/sourceCIDR/type", json!("Distinct"))
        .assert_reported(
            edge::check,
            "prod: BackendTrafficPolicy roster: it limits each IPv6 address, of which a client has 2^64",
        );
}
