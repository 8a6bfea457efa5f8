//! Selectors that match nothing, and policies that allow too little or everything.

use delivery::checks::{egress, ingress, selectors};
use delivery::kustomize::Optional;
use serde_json::json;

use crate::modified::ModifiedEnvironment;

const APP_NAME: &str = "/matchLabels/core.spinkube.dev~1app-name";

#[test]
fn reports_a_selector_without_matches() {
    let budget = format!("/spec/selector{APP_NAME}");
    let modified = ModifiedEnvironment::prod().set("PodDisruptionBudget", "users", &budget, "user");
    modified.assert_reported(
        selectors::check,
        "prod: PodDisruptionBudget users: spec.selector matches no pod",
    );
    modified.assert_reported(
        selectors::check,
        "prod: SpinApp users: no PodDisruptionBudget selects its pods",
    );
    let label = "/matchLabels/app.kubernetes.io~1name";
    let cases = [
        (
            ModifiedEnvironment::prod().set(
                "NetworkPolicy",
                "from-prometheus",
                &format!("/spec/podSelector{APP_NAME}"),
                "metrics",
            ),
            "prod: NetworkPolicy from-prometheus: spec.podSelector matches no pod",
        ),
        (
            ModifiedEnvironment::prod().set(
                "NetworkPolicy",
                "to-pgbouncer",
                &format!("/spec/egress/0/to/0/podSelector{label}"),
                "pooler",
            ),
            "prod: NetworkPolicy to-pgbouncer: spec.egress.0.to.podSelector matches no pod",
        ),
        (
            ModifiedEnvironment::prod().set(
                "Service",
                "pgbouncer",
                "/spec/selector/app.kubernetes.io~1name",
                "pooler",
            ),
            "prod: Service pgbouncer: spec.selector matches no pod",
        ),
        (
            ModifiedEnvironment::prod().set(
                "Service",
                "pgbouncer",
                "/spec/ports/0/targetPort",
                "sql",
            ),
            "prod: Service pgbouncer: targetPort \"sql\" is not a port of the pods",
        ),
        (
            ModifiedEnvironment::prod().set(
                "Deployment",
                "pgbouncer",
                &format!("/spec/selector{label}"),
                "pooler",
            ),
            "prod: Deployment pgbouncer: spec.selector does not match the pods of its template",
        ),
        (
            ModifiedEnvironment::dev().set("StatefulSet", "redis", "/spec/serviceName", "cache"),
            "dev: StatefulSet redis: spec.serviceName: Service cache does not exist",
        ),
        (
            ModifiedEnvironment::prod().set(
                "ScrapeConfig",
                "roster",
                "/spec/kubernetesSDConfigs/0/selectors/0/label",
                "app.kubernetes.io/name=health",
            ),
            "prod: ScrapeConfig roster: the selector app.kubernetes.io/name=health matches no Service",
        ),
        (
            ModifiedEnvironment::prod().set(
                "ScrapeConfig",
                "roster",
                "/spec/kubernetesSDConfigs/0/namespaces",
                json!({"ownNamespace": true}),
            ),
            "prod: ScrapeConfig roster: it discovers targets in [] instead of its namespace",
        ),
        (
            ModifiedEnvironment::prod().set(
                "MutatingAdmissionPolicy",
                "roster-app-pods.roster-prod",
                "/spec/matchConstraints/objectSelector/matchLabels/app.kubernetes.io~1component",
                "app",
            ),
            "prod: MutatingAdmissionPolicy roster-app-pods.roster-prod: spec.matchConstraints.objectSelector matches no pod",
        ),
        (
            ModifiedEnvironment::prod().set(
                "ScrapeConfig",
                "roster",
                "/spec/metricsPath",
                "/metric",
            ),
            "prod: ScrapeConfig roster: spec.metricsPath: spin.toml has no route /metric",
        ),
        (
            ModifiedEnvironment::prod().copy("PodDisruptionBudget", "users", "more-users"),
            "prod: SpinApp users: several PodDisruptionBudgets select its pods",
        ),
    ];
    for (modified, line) in cases {
        modified.assert_reported(selectors::check, line);
    }
}

#[test]
fn reports_a_connection_without_an_egress_policy() {
    let cases = [
        (
            "to-dns",
            "no NetworkPolicy allows egress from its pods to DNS",
        ),
        (
            "to-pgbouncer",
            "no NetworkPolicy allows egress from its pods to postgres://pgbouncer:5432",
        ),
        (
            "to-redis",
            "no NetworkPolicy allows egress from its pods to rediss://redis.prod.example.internal:6379",
        ),
        (
            "to-https",
            "no NetworkPolicy allows egress from its pods to https://registry.example.com",
        ),
    ];
    for (policy, problem) in cases {
        let line = format!("prod: SpinApp users: {problem}");
        ModifiedEnvironment::prod()
            .without("NetworkPolicy", policy)
            .assert_reported(egress::check, &line);
    }
    ModifiedEnvironment::with(Optional::Otlp)
        .without("NetworkPolicy", "to-otlp")
        .assert_reported(
            egress::check,
            "prod with otlp: SpinApp users: no NetworkPolicy allows egress from its pods to \
         http://otel-collector.observability:4318",
        );
    let modified = ModifiedEnvironment::prod().without("NetworkPolicy", "to-postgres");
    for owner in ["Job migrate-NNNN", "Deployment pgbouncer"] {
        let url = "postgres://postgres.prod.example.internal:5432";
        modified.assert_reported(
            egress::check,
            &format!("prod: {owner}: no NetworkPolicy allows egress from its pods to {url}"),
        );
    }
    ModifiedEnvironment::prod()
        .set(
            "NetworkPolicy",
            "to-redis",
            "/spec/egress/0/ports/0/port",
            6380,
        )
        .assert_reported(
            egress::check,
            "prod: SpinApp auth: no NetworkPolicy allows egress from its pods to \
             redis://redis.prod.example.internal:6379",
        );
}

#[test]
fn reports_a_changed_port_without_an_egress_policy() {
    let modified = ModifiedEnvironment::prod();
    let config = modified.hashed("ConfigMap", "roster-config");
    modified.set("ConfigMap", &config, "/data/redis_port", "6380").assert_reported(
        egress::check,
        "prod: SpinApp users: no NetworkPolicy allows egress from its pods to redis://redis.prod.example.internal:6380",
    );
    // The breach check is the third host of users and auth; without a port it is HTTPS.
    let modified = ModifiedEnvironment::with(Optional::Shim);
    let config = modified.hashed("ConfigMap", "roster-config");
    modified.set("ConfigMap", &config, "/data/breach_check_url", "https://passwords.example.com")
        .assert_reported(
            egress::check,
            "prod with shim: SpinApp users: no NetworkPolicy allows egress from its pods to https://passwords.example.com",
        );
}

#[test]
fn reports_a_store_without_an_ingress_policy() {
    ModifiedEnvironment::dev().without("NetworkPolicy", "to-stores").assert_reported(
        egress::check,
        "dev: StatefulSet redis: no NetworkPolicy allows ingress from SpinApp users, which needs redis://redis:6379",
    );
    ModifiedEnvironment::prod().without("NetworkPolicy", "from-app-to-pgbouncer").assert_reported(
        egress::check,
        "prod: Deployment pgbouncer: no NetworkPolicy allows ingress from SpinApp users, which needs \
         postgres://pgbouncer:5432",
    );
}

#[test]
fn reports_missing_default_deny_and_gateway_policies() {
    ModifiedEnvironment::prod()
        .set(
            "NetworkPolicy",
            "default-deny",
            "/spec/policyTypes",
            json!(["Egress"]),
        )
        .assert_reported(
            ingress::check,
            "prod: Job migrate-NNNN: no NetworkPolicy denies connections of its pods by default",
        );
    ModifiedEnvironment::prod()
        .without("NetworkPolicy", "from-gateway-to-users")
        .assert_reported(
            ingress::check,
            "prod: SpinApp users: no NetworkPolicy allows ingress from the gateway on port 80",
        );
    ModifiedEnvironment::prod().without("NetworkPolicy", "from-prometheus").assert_reported(
        ingress::check,
        "prod: SpinApp health: no NetworkPolicy allows ingress from Prometheus, which ScrapeConfig roster needs",
    );
    // No policy selects pods without the label.
    ModifiedEnvironment::prod()
        .set(
            "SpinApp",
            "users",
            "/spec/podLabels/app.kubernetes.io~1name",
            "app",
        )
        .assert_reported(
            ingress::check,
            "prod: SpinApp users: no NetworkPolicy allows ingress from the gateway on port 80",
        );
}
