//! Files that have to match the manifests: migrations, dashboards, the example of the secrets.

use delivery::checks::{dashboards, migrations, references, secrets};
use serde_json::json;

use crate::broken::Broken;

#[test]
fn a_migration_that_the_job_does_not_get_is_named() {
    let broken = Broken::prod().project(|project| {
        project.migrations.insert("9999_teams.sql".to_owned());
    });
    broken.is_found(
        migrations::check,
        "prod: migrations/kustomization.yaml: it does not list 9999_teams.sql",
    );
    broken.is_found(
        migrations::check,
        "prod: Job migrate-NNNN: its name has to be migrate-9999",
    );
    broken.is_found(
        migrations::check,
        "prod: Job migrate-NNNN: its pod does not get 9999_teams.sql",
    );
    let all = Broken::prod();
    let last = all.environment().project.migrations.last().cloned();
    let last = last.unwrap();
    all.project(|project| {
        project.migrations.pop_last();
    })
    .is_found(
        migrations::check,
        &format!("prod: migrations/kustomization.yaml: it lists {last}, which does not exist"),
    );
}

#[test]
fn a_dashboard_of_no_metric_is_named() {
    let of = |content: String| {
        Broken::prod().set(
            "ConfigMap",
            "roster-dashboard",
            "/data/roster.json",
            content,
        )
    };
    let panel =
        json!({"panels": [{"targets": [{"expr": "rate(roster_login_total{a_b=\"c_d\"}[5m])"}]}]});
    of(panel.to_string()).is_found(
        dashboards::check,
        "prod: ConfigMap roster-dashboard: roster.json asks for roster_login_total, which the app does not export",
    );
    of("{".to_owned()).is_found(
        dashboards::check,
        "prod: ConfigMap roster-dashboard: roster.json is no JSON",
    );
}

#[test]
fn an_example_that_is_more_than_one_is_named() {
    Broken::prod()
        .project(|project| project.example["stringData"]["cursor_key"] = "0123456789abcdef".into())
        .is_found(
            secrets::check,
            "prod: k8s/base/secret.example.yaml: the value of cursor_key is no placeholder",
        );
    let path = "k8s/base/kustomization.yaml";
    Broken::prod()
        .project(|project| {
            project
                .kustomizations
                .get_mut(path)
                .unwrap()
                .push_str("  - secret.example.yaml\n")
        })
        .is_found(
            secrets::check,
            &format!("prod: {path}: it names k8s/base/secret.example.yaml"),
        );
}

#[test]
fn a_key_of_the_example_that_is_none_is_named() {
    let file = "prod: k8s/base/secret.example.yaml";
    Broken::prod()
        .project(|project| project.example["stringData"]["api_key"] = "replace-me".into())
        .is_found(
            references::check,
            &format!("{file}: nothing reads the key api_key"),
        );
    let key = json!({"secretKey": "api_key", "remoteRef": {"key": "roster/prod"}});
    Broken::prod()
        .set("ExternalSecret", "roster-secrets", "/spec/data/0", key)
        .is_found(
            references::check,
            &format!("{file}: it lacks the key api_key, which is provided"),
        );
}

#[test]
fn a_secret_that_nobody_is_told_to_make_is_named() {
    Broken::prod()
        .project(|project| {
            project.description = project.description.replace("cursor_key", "cursor")
        })
        .is_found(
            references::check,
            "prod: k8s/README.md: the secrets of dev lack cursor_key",
        );
}
