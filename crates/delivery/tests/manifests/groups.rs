//! Requirements of a group: variables, references, an autoscaler, probes, connections.

use std::time::Duration;

use delivery::checks::{connections, probes, references, scaling, variables};
use delivery::kustomize::Optional;
use serde_json::json;

use crate::broken::Broken;

const APP: (&str, &str) = ("SpinApp", "users");

#[test]
fn an_unbound_variable_is_named() {
    Broken::prod().edit(APP, "/spec/variables", "cursor_key", |bound| bound["name"] = "cursor_keys".into()).is_found(
        variables::check,
        "prod: SpinApp users: the variable cursor_key is not bound, and spin.toml has no default for it",
    );
    // It has a default, which the environment's value has to replace.
    Broken::prod().edit(APP, "/spec/variables", "log_level", |bound| bound["name"] = "log_levels".into()).is_found(
        variables::check,
        "prod: SpinApp users: the variable log_level is not bound, though there is a value for it",
    );
}

#[test]
fn a_variable_that_is_none_or_that_nothing_reads_is_named() {
    let add = |name: &str| {
        let bound =
            json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}});
        Broken::prod().edit(APP, "/spec/variables", "db_host", |first| *first = bound)
    };
    add("db_hosts").is_found(
        variables::check,
        "prod: SpinApp users: spin.toml has no variable db_hosts",
    );
    add("docs_enabled").is_found(
        variables::check,
        "prod: SpinApp users: no component of the pods reads the variable docs_enabled",
    );
    add("db_port").is_found(
        variables::check,
        "prod: SpinApp users: the variable db_port is bound twice",
    );
}

#[test]
fn a_literal_for_a_variable_that_is_read_is_named() {
    let literal = json!({"name": "cursor_key", "value": "unused"});
    Broken::prod().edit(APP, "/spec/variables", "cursor_key", |bound| *bound = literal).is_found(
        variables::check,
        "prod: SpinApp users: the variable cursor_key is a literal, though a component reads it",
    );
}

#[test]
fn a_key_that_nothing_reads_is_named() {
    let broken = Broken::prod();
    let name = broken.hashed("ConfigMap", "roster-config");
    broken
        .set("ConfigMap", &name, "/data/log_levl", "info")
        .is_found(
            variables::check,
            &format!("prod: ConfigMap {name}: nothing reads the key log_levl"),
        );
}

#[test]
fn a_key_that_does_not_exist_is_named() {
    let broken = Broken::prod();
    let name = broken.hashed("ConfigMap", "roster-config");
    broken
        .edit(APP, "/spec/variables", "db_host", |bound| {
            bound["valueFrom"]["configMapKeyRef"]["key"] = "host".into()
        })
        .is_found(
            references::check,
            &format!(
                "prod: SpinApp users: SPIN_VARIABLE_DB_HOST: ConfigMap {name} has no key host"
            ),
        );
    let key = |key: &'static str| {
        let change = move |bound: &mut serde_json::Value| {
            bound["valueFrom"]["secretKeyRef"]["key"] = key.into()
        };
        Broken::prod().edit(APP, "/spec/variables", "jwt_public_key_previous", change)
    };
    // It is optional, but the Secret can have no such key.
    key("jwt_public_key_old").is_found(
        references::check,
        "prod: SpinApp users: SPIN_VARIABLE_JWT_PUBLIC_KEY_PREVIOUS: Secret roster-secrets has no key jwt_public_key_old",
    );
    Broken::prod()
        .set(
            "ExternalSecret",
            "roster-secrets",
            "/spec/data/0/secretKey",
            "password",
        )
        .is_found(
            references::check,
            "prod: Deployment pgbouncer: PGPASSWORD: Secret roster-secrets has no key db_password",
        );
}

#[test]
fn a_configmap_or_secret_that_does_not_exist_is_named() {
    let broken = Broken::prod();
    let migrations = broken.hashed("ConfigMap", "migrations");
    broken.without("ConfigMap", &migrations).is_found(
        references::check,
        &format!("prod: Job migrate-NNNN: a volume's ConfigMap {migrations} does not exist"),
    );
    let volume = json!([{"name": "roots", "secret": {"secretName": "spin-ca"}}]);
    let pgbouncer = "/spec/template/spec/volumes";
    let broken = Broken::prod().set("Deployment", "pgbouncer", pgbouncer, volume);
    broken.is_found(
        references::check,
        "prod: Deployment pgbouncer: a volume's Secret spin-ca does not exist",
    );
    let config = "/spec/deploymentConfig/installDefaultCACerts";
    broken
        .set("SpinAppExecutor", "spintainer", config, true)
        .is_found(
            references::check,
            "prod: Deployment pgbouncer: it needs the Secret spin-ca, which does not exist before a SpinApp",
        );
    Broken::prod()
        .project(|project| project.description = project.description.replace("roster-roots", "x"))
        .is_found(
            references::check,
            "prod: k8s/README.md: it does not say how to make the Secret roster-roots",
        );
}

#[test]
fn a_secret_that_comes_under_another_name_is_named() {
    Broken::prod()
        .set(
            "ExternalSecret",
            "roster-secrets",
            "/spec/target/name",
            "roster-secret",
        )
        .is_found(
            references::check,
            "prod: SpinApp users: SPIN_VARIABLE_DB_PASSWORD: there is no Secret roster-secrets",
        );
}

#[test]
fn an_autoscaler_of_nothing_or_beside_another_is_named() {
    let target = "/spec/scaleTargetRef/name";
    let broken = Broken::prod().set("HorizontalPodAutoscaler", "users", target, "user");
    broken.is_found(
        scaling::check,
        "prod: HorizontalPodAutoscaler users: spec.scaleTargetRef: there will be no Deployment user",
    );
    broken.is_found(
        scaling::check,
        "prod: SpinApp users: it has neither a HorizontalPodAutoscaler nor a ScaledObject",
    );
    Broken::with(Optional::Keda)
        .set("ScaledObject", "users", target, "user")
        .is_found(scaling::check, "prod with keda: ScaledObject users: spec.scaleTargetRef: there will be no Deployment user");
    Broken::prod()
        .copy("HorizontalPodAutoscaler", "users", "more-users")
        .is_found(
            scaling::check,
            "prod: SpinApp users: several autoscalers scale it",
        );
    Broken::prod()
        .set("HorizontalPodAutoscaler", "users", target, "health")
        .is_found(
            scaling::check,
            "prod: SpinApp health: an autoscaler scales it, though its spec.replicas are fixed",
        );
    Broken::prod()
        .set(
            "HorizontalPodAutoscaler",
            "users",
            "/spec/metrics/0/resource/name",
            "memory",
        )
        .is_found(
            scaling::check,
            "prod: HorizontalPodAutoscaler users: it scales by memory",
        );
    Broken::prod().set("HorizontalPodAutoscaler", "users", "/spec/minReplicas", 11).is_found(
        scaling::check,
        "prod: HorizontalPodAutoscaler users: it has to have a least and a most number of pods, in order",
    );
}

#[test]
fn a_probe_of_nothing_or_in_a_hurry_is_named() {
    let cases = [
        (
            "/spec/checks/readiness/httpGet/path",
            json!("/ready"),
            "spec.checks.readiness asks `/ready` instead of /api/v1/health/ready",
        ),
        (
            "/spec/checks/liveness/initialDelaySeconds",
            json!(5),
            "spec.checks.liveness begins before 30 s have passed",
        ),
        (
            "/spec/checks/readiness/failureThreshold",
            json!(3),
            "spec.checks.readiness fails after 15 s, before a failover of 90 s has ended",
        ),
        (
            "/spec/checks/liveness/timeoutSeconds",
            json!(1),
            "livenessProbe waits 1 s, less than 3",
        ),
        (
            "/spec/components",
            json!(["users"]),
            "spec.components lacks health, which answers the readiness probe",
        ),
    ];
    for (pointer, value, problem) in cases {
        let line = format!("prod: SpinApp users: {problem}");
        Broken::prod()
            .set("SpinApp", "users", pointer, value)
            .is_found(probes::check, &line);
    }
    Broken::prod()
        .unset(
            "Deployment",
            "pgbouncer",
            "/spec/template/spec/containers/0",
            "readinessProbe",
        )
        .is_found(
            probes::check,
            "prod: Deployment pgbouncer: it has no readinessProbe",
        );
}

/// Returns the number of groups with a cap of 32 connections.
fn api_groups() -> u64 {
    let groups = settings::Component::ALL.iter();
    let api = groups.filter(|group| group.parts().contains(&settings::Part::AccessControl));
    api.count().try_into().unwrap()
}

/// Returns the connections of all but `left_out` groups of prod with 13 pods each: as the table has them,
/// and their number.
fn groups_with_13_pods(left_out: u64) -> (String, u64) {
    let count = api_groups() - left_out;
    let term = match count {
        1 => "13 x 32".to_owned(),
        count => format!("{count} x 13 x 32"),
    };
    (term, count * 13 * 32)
}

#[test]
fn connections_that_the_description_does_not_have_are_named() {
    let file = "prod: k8s/README.md: the table of connections has to have the row";
    let (all, others) = (groups_with_13_pods(0), groups_with_13_pods(1));
    let total = |api: u64| api + 3 * 4;
    let row = format!(
        "| prod | 25 x 32 + {} | 3 x 4 | {} | 2 x 30 of PgBouncer, and the Job |",
        others.0,
        total(25 * 32 + others.1)
    );
    Broken::prod()
        .set("HorizontalPodAutoscaler", "users", "/spec/maxReplicas", 20)
        .is_found(connections::check, &format!("{file} `{row}`"));
    let row = format!(
        "| prod | {} | 3 x 4 | {} | 3 x 30 of PgBouncer, and the Job |",
        all.0,
        total(all.1)
    );
    Broken::prod()
        .set("Deployment", "pgbouncer", "/spec/replicas", 3)
        .is_found(connections::check, &format!("{file} `{row}`"));
    let most = api_groups() * 3 * 32 + 2 * 2 * 4;
    Broken::dev()
        .set(
            "StatefulSet",
            "postgres",
            "/spec/template/spec/containers/0/args/1",
            "max_connections=200",
        )
        .is_found(
            connections::check,
            &format!("dev: the database: max_connections is 200, and the pods may open {most}"),
        );
    let small = Broken::prod().hashed("Secret", "runtime-config-small");
    Broken::prod()
        .set(
            "SpinApp",
            "users",
            "/spec/runtimeConfig/loadFromSecret",
            small,
        )
        .is_found(
            connections::check,
            "prod: SpinApp users: a pod may open 4 connections to Postgres instead of 32",
        );
}

#[test]
fn the_pooler_gives_up_before_the_app_does() {
    let wait = connections::pooler_wait(Broken::prod().environment()).map(Duration::from_secs);
    // A statement that waits longer would run after its caller has given up.
    assert!(
        wait.is_some_and(|wait| !wait.is_zero() && wait < web::config::deadline::POSTGRES.store)
    );
}
