//! Selectors that match nothing, and policies that allow too little or everything.

use delivery::checks::{egress, ingress, selectors};
use delivery::kustomize::Optional;
use serde_json::json;

use crate::broken::Broken;

const APP_NAME: &str = "/matchLabels/core.spinkube.dev~1app-name";

#[test]
fn a_selector_that_matches_nothing_is_named() {
    let budget = format!("/spec/selector{APP_NAME}");
    let broken = Broken::prod().set("PodDisruptionBudget", "users", &budget, "user");
    broken.is_found(
        selectors::check,
        "prod: PodDisruptionBudget users: spec.selector matches no pod",
    );
    broken.is_found(
        selectors::check,
        "prod: SpinApp users: no PodDisruptionBudget selects its pods",
    );
    let label = "/matchLabels/app.kubernetes.io~1name";
    let cases = [
        (
            Broken::prod().set(
                "NetworkPolicy",
                "from-prometheus",
                &format!("/spec/podSelector{APP_NAME}"),
                "metrics",
            ),
            "prod: NetworkPolicy from-prometheus: spec.podSelector matches no pod",
        ),
        (
            Broken::prod().set(
                "NetworkPolicy",
                "to-pgbouncer",
                &format!("/spec/egress/0/to/0/podSelector{label}"),
                "pooler",
            ),
            "prod: NetworkPolicy to-pgbouncer: spec.egress.0.to.podSelector matches no pod",
        ),
        (
            Broken::prod().set(
                "Service",
                "pgbouncer",
                "/spec/selector/app.kubernetes.io~1name",
                "pooler",
            ),
            "prod: Service pgbouncer: spec.selector matches no pod",
        ),
        (
            Broken::prod().set("Service", "pgbouncer", "/spec/ports/0/targetPort", "sql"),
            "prod: Service pgbouncer: targetPort \"sql\" is no port of the pods",
        ),
        (
            Broken::prod().set(
                "Deployment",
                "pgbouncer",
                &format!("/spec/selector{label}"),
                "pooler",
            ),
            "prod: Deployment pgbouncer: spec.selector does not match the pods of its template",
        ),
        (
            Broken::dev().set("StatefulSet", "redis", "/spec/serviceName", "cache"),
            "dev: StatefulSet redis: spec.serviceName: there is no Service cache",
        ),
        (
            Broken::prod().set(
                "ScrapeConfig",
                "roster",
                "/spec/kubernetesSDConfigs/0/selectors/0/label",
                "app.kubernetes.io/name=health",
            ),
            "prod: ScrapeConfig roster: the selector app.kubernetes.io/name=health matches no Service",
        ),
        (
            Broken::prod().set(
                "ScrapeConfig",
                "roster",
                "/spec/kubernetesSDConfigs/0/namespaces",
                json!({"ownNamespace": true}),
            ),
            "prod: ScrapeConfig roster: it looks for targets in [] instead of its namespace",
        ),
        (
            Broken::prod().set(
                "MutatingAdmissionPolicy",
                "roster-app-pods.roster-prod",
                "/spec/matchConstraints/objectSelector/matchLabels/app.kubernetes.io~1component",
                "app",
            ),
            "prod: MutatingAdmissionPolicy roster-app-pods.roster-prod: spec.matchConstraints.objectSelector matches no pod",
        ),
        (
            Broken::prod().set("ScrapeConfig", "roster", "/spec/metricsPath", "/metric"),
            "prod: ScrapeConfig roster: spec.metricsPath: spin.toml has no route /metric",
        ),
        (
            Broken::prod().copy("PodDisruptionBudget", "users", "more-users"),
            "prod: SpinApp users: several PodDisruptionBudgets select its pods",
        ),
    ];
    for (broken, line) in cases {
        broken.is_found(selectors::check, line);
    }
}

#[test]
fn a_connection_that_no_policy_lets_out_is_named() {
    let cases = [
        ("to-dns", "no NetworkPolicy lets its pods out to DNS"),
        (
            "to-pgbouncer",
            "no NetworkPolicy lets its pods out to postgres://pgbouncer:5432",
        ),
        (
            "to-redis",
            "no NetworkPolicy lets its pods out to rediss://redis.prod.example.internal:6379",
        ),
        (
            "to-https",
            "no NetworkPolicy lets its pods out to https://registry.example.com",
        ),
    ];
    for (policy, problem) in cases {
        let line = format!("prod: SpinApp users: {problem}");
        Broken::prod()
            .without("NetworkPolicy", policy)
            .is_found(egress::check, &line);
    }
    Broken::with(Optional::Otlp).without("NetworkPolicy", "to-otlp").is_found(
        egress::check,
        "prod with otlp: SpinApp users: no NetworkPolicy lets its pods out to http://otel-collector.observability:4318",
    );
    let broken = Broken::prod().without("NetworkPolicy", "to-postgres");
    for owner in ["Job migrate-NNNN", "Deployment pgbouncer"] {
        let url = "postgres://postgres.prod.example.internal:5432";
        broken.is_found(
            egress::check,
            &format!("prod: {owner}: no NetworkPolicy lets its pods out to {url}"),
        );
    }
    Broken::prod()
        .set("NetworkPolicy", "to-redis", "/spec/egress/0/ports/0/port", 6380)
        .is_found(egress::check, "prod: SpinApp auth: no NetworkPolicy lets its pods out to redis://redis.prod.example.internal:6379");
}

#[test]
fn another_port_of_the_configuration_needs_another_policy() {
    let broken = Broken::prod();
    let config = broken.hashed("ConfigMap", "roster-config");
    broken.set("ConfigMap", &config, "/data/redis_port", "6380").is_found(
        egress::check,
        "prod: SpinApp users: no NetworkPolicy lets its pods out to redis://redis.prod.example.internal:6380",
    );
    // The breach check is the third host of users and auth; without a port it is HTTPS.
    let broken = Broken::with(Optional::Shim);
    let config = broken.hashed("ConfigMap", "roster-config");
    broken.set("ConfigMap", &config, "/data/breach_check_url", "https://passwords.example.com").is_found(
        egress::check,
        "prod with shim: SpinApp users: no NetworkPolicy lets its pods out to https://passwords.example.com",
    );
}

#[test]
fn a_store_that_lets_nobody_in_is_named() {
    Broken::dev().without("NetworkPolicy", "to-stores").is_found(
        egress::check,
        "dev: StatefulSet redis: no NetworkPolicy lets SpinApp users in, which needs redis://redis:6379",
    );
    Broken::prod().without("NetworkPolicy", "from-app-to-pgbouncer").is_found(
        egress::check,
        "prod: Deployment pgbouncer: no NetworkPolicy lets SpinApp users in, which needs postgres://pgbouncer:5432",
    );
}

#[test]
fn what_is_not_denied_and_who_is_not_let_in_is_named() {
    Broken::prod()
        .set(
            "NetworkPolicy",
            "default-deny",
            "/spec/policyTypes",
            json!(["Egress"]),
        )
        .is_found(
            ingress::check,
            "prod: Job migrate-NNNN: no NetworkPolicy denies its pods what is not allowed",
        );
    Broken::prod()
        .without("NetworkPolicy", "from-gateway-to-users")
        .is_found(
            ingress::check,
            "prod: SpinApp users: no NetworkPolicy lets the gateway in on port 80",
        );
    Broken::prod().without("NetworkPolicy", "from-prometheus").is_found(
        ingress::check,
        "prod: SpinApp health: no NetworkPolicy lets Prometheus in, which ScrapeConfig roster needs",
    );
    // No policy selects pods without the label.
    Broken::prod()
        .set(
            "SpinApp",
            "users",
            "/spec/podLabels/app.kubernetes.io~1name",
            "app",
        )
        .is_found(
            ingress::check,
            "prod: SpinApp users: no NetworkPolicy lets the gateway in on port 80",
        );
}
