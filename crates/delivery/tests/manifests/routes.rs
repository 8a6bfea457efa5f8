//! Routes to missing Services, and to internal paths.

use delivery::checks::routes;
use delivery::kustomize::Optional;
use serde_json::json;

use crate::modified::ModifiedEnvironment;

#[test]
fn reports_a_route_to_an_unknown_service() {
    let backend = "/spec/rules/0/backendRefs/0";
    let modified =
        ModifiedEnvironment::prod().set("HTTPRoute", "users", &format!("{backend}/name"), "user");
    modified.assert_reported(
        routes::check,
        "prod: HTTPRoute users: Service user will not exist",
    );
    modified.assert_reported(
        routes::check,
        "prod: the edge: /api/v1/users/... is routed to [\"user\"] instead of users",
    );
    ModifiedEnvironment::prod()
        .set("HTTPRoute", "users", &format!("{backend}/port"), 8080)
        .assert_reported(
            routes::check,
            "prod: HTTPRoute users: Service users has no port 8080",
        );
    ModifiedEnvironment::prod()
        .set(
            "HTTPRoute",
            "users",
            "/spec/parentRefs/0/sectionName",
            "tls",
        )
        .assert_reported(
            routes::check,
            "prod: HTTPRoute users: spec.parentRefs: Gateway roster has no listener tls",
        );
    ModifiedEnvironment::with(Optional::Ingress)
        .set(
            "Ingress",
            "users",
            "/spec/rules/0/http/paths/0/backend/service/name",
            "user",
        )
        .assert_reported(
            routes::check,
            "prod with ingress: Ingress users: Service user will not exist",
        );
    ModifiedEnvironment::prod()
        .set(
            "BackendTrafficPolicy",
            "roster",
            "/spec/targetRefs/0/name",
            "edge",
        )
        .assert_reported(
            routes::check,
            "prod: BackendTrafficPolicy roster: spec.targetRefs: Gateway edge does not exist",
        );
}

#[test]
fn reports_a_route_to_an_internal_path() {
    let path = "/spec/rules/0/matches/0/path";
    let to = |kind: &str, value: &str| {
        ModifiedEnvironment::prod().set(
            "HTTPRoute",
            "health",
            path,
            json!({"type": kind, "value": value}),
        )
    };
    to("Exact", "/metrics").assert_reported(
        routes::check,
        "prod: HTTPRoute health: /metrics exposes /metrics",
    );
    to("PathPrefix", "/internal").assert_reported(
        routes::check,
        "prod: HTTPRoute health: /internal exposes /internal/users/configuration",
    );
    to("PathPrefix", "/.well-known").assert_reported(
        routes::check,
        "prod: HTTPRoute health: /.well-known exposes /.well-known/spin/info",
    );
    to("PathPrefix", "/")
        .assert_reported(routes::check, "prod: HTTPRoute health: / exposes /metrics");
    ModifiedEnvironment::prod()
        .unset("HTTPRoute", "health", "/spec/rules/0", "matches")
        .assert_reported(routes::check, "prod: HTTPRoute health: / exposes /metrics");
    ModifiedEnvironment::with(Optional::Ingress)
        .set("Ingress", "users", "/spec/rules/0/http/paths/0/path", "/")
        .assert_reported(
            routes::check,
            "prod with ingress: Ingress users: / exposes /metrics",
        );
}

#[test]
fn reports_an_unrouted_path() {
    ModifiedEnvironment::prod()
        .set(
            "HTTPRoute",
            "users",
            "/spec/rules/0/matches/1/path/value",
            "/api/v1/audits",
        )
        .assert_reported(
            routes::check,
            "prod: the edge: /api/v1/audit is routed to [] instead of users",
        );
}
