//! Files that have to match the manifests: migrations, dashboards, the example of the secrets.

use delivery::checks::{dashboards, migrations, references, secrets};
use serde_json::json;

use crate::modified::ModifiedEnvironment;

#[test]
fn reports_unlisted_and_missing_migrations() {
    let modified = ModifiedEnvironment::prod().project(|project| {
        project.migrations.insert("9999_teams.sql".to_owned());
    });
    modified.assert_reported(
        migrations::check,
        "prod: migrations/kustomization.yaml: it does not list 9999_teams.sql",
    );
    modified.assert_reported(
        migrations::check,
        "prod: Job migrate-NNNN: its name must be migrate-9999",
    );
    modified.assert_reported(
        migrations::check,
        "prod: Job migrate-NNNN: its pod does not mount 9999_teams.sql",
    );
    let unmodified = ModifiedEnvironment::prod();
    let last = unmodified.environment().project.migrations.last().cloned();
    let last = last.unwrap();
    unmodified
        .project(|project| {
            project.migrations.pop_last();
        })
        .assert_reported(
            migrations::check,
            &format!("prod: migrations/kustomization.yaml: it lists {last}, which does not exist"),
        );
}

#[test]
fn reports_an_unknown_metric_in_a_dashboard() {
    let of = |content: String| {
        ModifiedEnvironment::prod().set(
            "ConfigMap",
            "roster-dashboard",
            "/data/roster.json",
            content,
        )
    };
    let panel =
        json!({"panels": [{"targets": [{"expr": "rate(roster_login_total{a_b=\"c_d\"}[5m])"}]}]});
    of(panel.to_string()).assert_reported(
        dashboards::check,
        "prod: ConfigMap roster-dashboard: roster.json queries roster_login_total, which the app does not export",
    );
    of("{".to_owned()).assert_reported(
        dashboards::check,
        "prod: ConfigMap roster-dashboard: roster.json is not JSON",
    );
}

#[test]
fn reports_a_real_value_in_the_example_secret() {
    ModifiedEnvironment::prod()
        .project(|project| project.example["stringData"]["cursor_key"] = "0123456789abcdef".into())
        .assert_reported(
            secrets::check,
            "prod: k8s/base/secret.example.yaml: the value of cursor_key is not a placeholder",
        );
    let path = "k8s/base/kustomization.yaml";
    ModifiedEnvironment::prod()
        .project(|project| {
            project
                .kustomizations
                .get_mut(path)
                .unwrap()
                .push_str("  - secret.example.yaml\n")
        })
        .assert_reported(
            secrets::check,
            &format!("prod: {path}: it refers to k8s/base/secret.example.yaml"),
        );
}

#[test]
fn reports_unused_and_missing_keys_of_the_example_secret() {
    let file = "prod: k8s/base/secret.example.yaml";
    ModifiedEnvironment::prod()
        .project(|project| project.example["stringData"]["api_key"] = "replace-me".into())
        .assert_reported(
            references::check,
            &format!("{file}: nothing reads the key api_key"),
        );
    let key = json!({"secretKey": "api_key", "remoteRef": {"key": "roster/prod"}});
    ModifiedEnvironment::prod()
        .set("ExternalSecret", "roster-secrets", "/spec/data/0", key)
        .assert_reported(
            references::check,
            &format!("{file}: it lacks the key api_key, which is provided"),
        );
}

#[test]
fn reports_an_undocumented_secret() {
    ModifiedEnvironment::prod()
        .project(|project| {
            project.description = project.description.replace("cursor_key", "cursor")
        })
        .assert_reported(
            references::check,
            "prod: k8s/README.md: the secrets of dev lack cursor_key",
        );
}
