//! Requirements of a group: variables, references, an autoscaler, probes, connections.

use std::time::Duration;

use delivery::checks::{connections, probes, references, scaling, variables};
use delivery::kustomize::Optional;
use serde_json::json;

use crate::modified::ModifiedEnvironment;

const APP: (&str, &str) = ("SpinApp", "users");

#[test]
fn reports_an_unbound_variable() {
    ModifiedEnvironment::prod().edit(APP, "/spec/variables", "cursor_key", |bound| bound["name"] = "cursor_keys".into())
        .assert_reported(
            variables::check,
            "prod: SpinApp users: the variable cursor_key is not bound, and spin.toml has no default for it",
        );
    // It has a default, which the environment's value has to replace.
    ModifiedEnvironment::prod()
        .edit(APP, "/spec/variables", "log_level", |bound| {
            bound["name"] = "log_levels".into()
        })
        .assert_reported(
            variables::check,
            "prod: SpinApp users: the variable log_level is not bound, although it has a value",
        );
}

#[test]
fn reports_unknown_unused_and_duplicate_variables() {
    let add = |name: &str| {
        let bound =
            json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}});
        ModifiedEnvironment::prod().edit(APP, "/spec/variables", "db_host", |first| *first = bound)
    };
    add("db_hosts").assert_reported(
        variables::check,
        "prod: SpinApp users: spin.toml has no variable db_hosts",
    );
    add("docs_enabled").assert_reported(
        variables::check,
        "prod: SpinApp users: no component of the pods reads the variable docs_enabled",
    );
    add("db_port").assert_reported(
        variables::check,
        "prod: SpinApp users: the variable db_port is bound twice",
    );
}

#[test]
fn reports_a_literal_for_a_used_variable() {
    let literal = json!({"name": "cursor_key", "value": "unused"});
    ModifiedEnvironment::prod().edit(APP, "/spec/variables", "cursor_key", |bound| *bound = literal)
        .assert_reported(
            variables::check,
            "prod: SpinApp users: the variable cursor_key is a literal, though a component reads it",
        );
}

#[test]
fn reports_an_unused_configmap_key() {
    let modified = ModifiedEnvironment::prod();
    let name = modified.hashed("ConfigMap", "roster-config");
    modified
        .set("ConfigMap", &name, "/data/log_levl", "info")
        .assert_reported(
            variables::check,
            &format!("prod: ConfigMap {name}: nothing reads the key log_levl"),
        );
}

#[test]
fn reports_a_missing_key() {
    let modified = ModifiedEnvironment::prod();
    let name = modified.hashed("ConfigMap", "roster-config");
    modified
        .edit(APP, "/spec/variables", "db_host", |bound| {
            bound["valueFrom"]["configMapKeyRef"]["key"] = "host".into()
        })
        .assert_reported(
            references::check,
            &format!(
                "prod: SpinApp users: SPIN_VARIABLE_DB_HOST: ConfigMap {name} has no key host"
            ),
        );
    let key = |key: &'static str| {
        let change = move |bound: &mut serde_json::Value| {
            bound["valueFrom"]["secretKeyRef"]["key"] = key.into()
        };
        ModifiedEnvironment::prod().edit(APP, "/spec/variables", "jwt_public_key_previous", change)
    };
    // It is optional, but the Secret can have no such key.
    key("jwt_public_key_old").assert_reported(
        references::check,
        "prod: SpinApp users: SPIN_VARIABLE_JWT_PUBLIC_KEY_PREVIOUS: Secret roster-secrets has no key jwt_public_key_old",
    );
    ModifiedEnvironment::prod()
        .set(
            "ExternalSecret",
            "roster-secrets",
            "/spec/data/0/secretKey",
            "password",
        )
        .assert_reported(
            references::check,
            "prod: Deployment pgbouncer: PGPASSWORD: Secret roster-secrets has no key db_password",
        );
}

#[test]
fn reports_a_missing_configmap_or_secret() {
    let modified = ModifiedEnvironment::prod();
    let migrations = modified.hashed("ConfigMap", "migrations");
    modified.without("ConfigMap", &migrations).assert_reported(
        references::check,
        &format!("prod: Job migrate-NNNN: a volume's ConfigMap {migrations} does not exist"),
    );
    let volume = json!([{"name": "roots", "secret": {"secretName": "spin-ca"}}]);
    let pgbouncer = "/spec/template/spec/volumes";
    let modified = ModifiedEnvironment::prod().set("Deployment", "pgbouncer", pgbouncer, volume);
    modified.assert_reported(
        references::check,
        "prod: Deployment pgbouncer: a volume's Secret spin-ca does not exist",
    );
    let config = "/spec/deploymentConfig/installDefaultCACerts";
    modified
        .set("SpinAppExecutor", "spintainer", config, true)
        .assert_reported(
            references::check,
            "prod: Deployment pgbouncer: it needs the Secret spin-ca, which does not exist before a SpinApp",
        );
    ModifiedEnvironment::prod()
        .project(|project| project.description = project.description.replace("roster-roots", "x"))
        .assert_reported(
            references::check,
            "prod: k8s/README.md: it does not describe how to create the Secret roster-roots",
        );
}

#[test]
fn reports_a_secret_with_another_target_name() {
    ModifiedEnvironment::prod()
        .set(
            "ExternalSecret",
            "roster-secrets",
            "/spec/target/name",
            "roster-secret",
        )
        .assert_reported(
            references::check,
            "prod: SpinApp users: SPIN_VARIABLE_DB_PASSWORD: Secret roster-secrets does not exist",
        );
}

#[test]
fn reports_invalid_autoscalers() {
    let target = "/spec/scaleTargetRef/name";
    let modified =
        ModifiedEnvironment::prod().set("HorizontalPodAutoscaler", "users", target, "user");
    modified.assert_reported(
        scaling::check,
        "prod: HorizontalPodAutoscaler users: spec.scaleTargetRef: Deployment user will not exist",
    );
    modified.assert_reported(
        scaling::check,
        "prod: SpinApp users: it has neither a HorizontalPodAutoscaler nor a ScaledObject",
    );
    ModifiedEnvironment::with(Optional::Keda)
        .set("ScaledObject", "users", target, "user")
        .assert_reported(
            scaling::check,
            "prod with keda: ScaledObject users: spec.scaleTargetRef: Deployment user will not exist",
        );
    ModifiedEnvironment::prod()
        .copy("HorizontalPodAutoscaler", "users", "more-users")
        .assert_reported(
            scaling::check,
            "prod: SpinApp users: several autoscalers scale it",
        );
    ModifiedEnvironment::prod()
        .set("HorizontalPodAutoscaler", "users", target, "health")
        .assert_reported(
            scaling::check,
            "prod: SpinApp health: an autoscaler scales it, though its spec.replicas are fixed",
        );
    ModifiedEnvironment::prod()
        .set(
            "HorizontalPodAutoscaler",
            "users",
            "/spec/metrics/0/resource/name",
            "memory",
        )
        .assert_reported(
            scaling::check,
            "prod: HorizontalPodAutoscaler users: it scales by memory",
        );
    ModifiedEnvironment::prod().set("HorizontalPodAutoscaler", "users", "/spec/minReplicas", 11)
        .assert_reported(
            scaling::check,
            "prod: HorizontalPodAutoscaler users: it must have a minimum and a maximum number of pods, in order",
        );
}

#[test]
fn reports_invalid_probes_of_a_group() {
    let cases = [
        (
            "/spec/checks/readiness/httpGet/path",
            json!("/ready"),
            "spec.checks.readiness requests `/ready` instead of /api/v1/health/ready",
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
            "livenessProbe has a timeout of 1 s, less than 3 s",
        ),
        (
            "/spec/components",
            json!(["users"]),
            "spec.components lacks health, which serves the readiness probe",
        ),
    ];
    for (pointer, value, problem) in cases {
        let line = format!("prod: SpinApp users: {problem}");
        ModifiedEnvironment::prod()
            .set("SpinApp", "users", pointer, value)
            .assert_reported(probes::check, &line);
    }
    ModifiedEnvironment::prod()
        .unset(
            "Deployment",
            "pgbouncer",
            "/spec/template/spec/containers/0",
            "readinessProbe",
        )
        .assert_reported(
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
fn reports_undocumented_connection_counts() {
    let file = "prod: k8s/README.md: the table of connections must have the row";
    let (all, others) = (groups_with_13_pods(0), groups_with_13_pods(1));
    let total = |api: u64| api + 3 * 4;
    let row = format!(
        "| prod | 25 x 32 + {} | 3 x 4 | {} | 2 x 30 of PgBouncer, and the Job |",
        others.0,
        total(25 * 32 + others.1)
    );
    ModifiedEnvironment::prod()
        .set("HorizontalPodAutoscaler", "users", "/spec/maxReplicas", 20)
        .assert_reported(connections::check, &format!("{file} `{row}`"));
    let row = format!(
        "| prod | {} | 3 x 4 | {} | 3 x 30 of PgBouncer, and the Job |",
        all.0,
        total(all.1)
    );
    ModifiedEnvironment::prod()
        .set("Deployment", "pgbouncer", "/spec/replicas", 3)
        .assert_reported(connections::check, &format!("{file} `{row}`"));
    let most = api_groups() * 3 * 32 + 2 * 2 * 4;
    ModifiedEnvironment::dev()
        .set(
            "StatefulSet",
            "postgres",
            "/spec/template/spec/containers/0/args/1",
            "max_connections=200",
        )
        .assert_reported(
            connections::check,
            &format!("dev: the database: max_connections is 200, but the pods may open {most}"),
        );
    let small = ModifiedEnvironment::prod().hashed("Secret", "runtime-config-small");
    ModifiedEnvironment::prod()
        .set(
            "SpinApp",
            "users",
            "/spec/runtimeConfig/loadFromSecret",
            small,
        )
        .assert_reported(
            connections::check,
            "prod: SpinApp users: a pod may open 4 connections to Postgres instead of 32",
        );
}

#[test]
fn the_pooler_times_out_before_the_app() {
    let wait = connections::pooler_wait(ModifiedEnvironment::prod().environment())
        .map(Duration::from_secs);
    // A statement that waits longer would run after its caller has given up.
    assert!(
        wait.is_some_and(|wait| !wait.is_zero() && wait < web::config::deadline::POSTGRES.store)
    );
}
