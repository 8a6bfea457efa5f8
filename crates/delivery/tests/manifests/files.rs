//! Files that have to match the manifests, and numbers that depend on the groups.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use delivery::checks::{self, Check};
use delivery::finding::Finding;
use delivery::object::text;
use delivery::project::Project;
use serde_json::{Value, json};

use crate::violations::differences;
use crate::{PROJECT, rendered};

/// Asserts that the check reports these lines of prod after a change of files.
#[track_caller]
fn assert_reported(check: Check, change: impl FnOnce(&mut Project), lines: &[&str]) {
    let mut environment = rendered("prod", None).clone();
    change(Arc::make_mut(&mut environment.project));
    let found: Vec<_> = check(&environment).iter().map(Finding::to_string).collect();
    for line in lines {
        assert!(
            found.contains(&format!("prod: {line}")),
            "{line}: {found:#?}"
        );
    }
}

/// Rules of squawk that a migration must keep, so that the previous release continues to work.
const ONLY_ADD: &str = "adding-not-nullable-field adding-required-field ban-drop-column ban-drop-table \
                        ban-truncate-cascade changing-column-type renaming-column renaming-table";

/// Returns the violations of the rules by SQL files: `0001_users.sql ban-drop-column`.
fn violations_of_squawk(folder: &Path, names: &[&str]) -> Vec<String> {
    let tools = devservices::provided_or_exit("ROSTER_TOOLS");
    let output = Command::new(Path::new(&tools).join("squawk"))
        .args(["--reporter", "json", "--pg-version", "17"])
        .args(names)
        .current_dir(folder)
        .output()
        .unwrap();
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let rules: Vec<_> = ONLY_ADD.split(' ').collect();
    let found = found
        .iter()
        .map(|it| (text(&it["file"]), text(&it["rule_name"])));
    let found = found.filter(|(_, rule)| rules.contains(rule));
    found.map(|(file, rule)| format!("{file} {rule}")).collect()
}

#[test]
fn migrations_only_add() {
    let names: Vec<_> = PROJECT.migrations.iter().map(String::as_str).collect();
    let found = violations_of_squawk(&PROJECT.root.join("migrations"), &names);
    // This one is older than the first release.
    let before = ["ban-drop-column", "adding-required-field"];
    assert_eq!(
        found,
        before.map(|rule| format!("0005_idempotency.sql {rule}"))
    );
}

#[test]
fn reports_a_migration_that_does_not_only_add() {
    let folder = tempfile::tempdir().unwrap();
    let changes = "ALTER TABLE users DROP COLUMN email;\nALTER TABLE users RENAME full_name TO name;\n\
                   ALTER TABLE users ALTER COLUMN email TYPE text;\nDROP TABLE sessions;\n";
    fs::write(folder.path().join("a.sql"), changes).unwrap();
    let found = violations_of_squawk(folder.path(), &["a.sql"]);
    let rules = [
        "ban-drop-column",
        "renaming-column",
        "changing-column-type",
        "ban-drop-table",
    ];
    assert_eq!(found, rules.map(|rule| format!("a.sql {rule}")));
}

#[test]
fn reports_a_migration_that_is_not_mounted() {
    let last = PROJECT.migrations.last().unwrap();
    let (number, _) = last.split_once('_').unwrap();
    assert_reported(
        checks::migrations::check,
        |project| assert!(project.migrations.insert("9999_teams.sql".to_owned())),
        &[&format!(
            "Job migrate-{number}: its pod does not mount 9999_teams.sql"
        )],
    );
}

#[test]
fn reports_a_wrong_example_of_the_secrets() {
    let file = "k8s/base/secret.example.yaml";
    assert_reported(
        checks::secrets::check,
        |project| project.example["stringData"]["cursor_key"] = "0123456789abcdef".into(),
        &[&format!(
            "{file}: the value of cursor_key is not a placeholder"
        )],
    );
    let path = "k8s/base/kustomization.yaml";
    assert_reported(
        checks::secrets::check,
        |project| *project.kustomizations.get_mut(path).unwrap() += "  - secret.example.yaml\n",
        &[&format!("{path}: it refers to {file}")],
    );
    assert_reported(
        checks::references::check,
        |project| project.example["stringData"]["api_key"] = "replace-me".into(),
        &[&format!("{file}: nothing reads the key api_key")],
    );
}

#[test]
fn reports_undocumented_secrets_and_alerts() {
    let replace = |text: &mut String, from: &str| *text = text.replace(from, "x");
    assert_reported(
        checks::references::check,
        |project| replace(&mut project.description, "cursor_key"),
        &["k8s/README.md: the secrets of dev lack cursor_key"],
    );
    assert_reported(
        checks::references::check,
        |project| replace(&mut project.description, "roster-roots"),
        &["k8s/README.md: it does not describe how to create the Secret roster-roots"],
    );
    assert_reported(
        checks::alerts::check,
        |project| replace(&mut project.runbook, "## RosterDown"),
        &["PrometheusRule roster: RosterDown has no section in docs/runbook.md, or no link to it"],
    );
}

#[test]
fn reports_a_role_for_every_environment() {
    let everywhere = |project: &mut Project| {
        for role in project.deployers.get_mut("prod").unwrap() {
            if role.kind() == "ClusterRole" {
                role.value_mut()["rules"][0]["resourceNames"] = json!([]);
            }
        }
    };
    let problem =
        "a rule of the ClusterRole has no resourceNames, so it applies to every environment";
    let line = format!("k8s/deployer/prod: {problem}");
    assert_reported(checks::deployer::check, everywhere, &[&line]);
}

#[test]
fn reports_undocumented_connection_counts() {
    let groups = settings::Component::ALL.iter();
    let api = groups.filter(|group| group.parts().contains(&settings::Part::AccessControl));
    let api = u64::try_from(api.count()).unwrap();
    // As in the table: groups with 13 pods each.
    let groups = |count: u64| match count {
        1 => "13 x 32".to_owned(),
        count => format!("{count} x 13 x 32"),
    };
    let file = "k8s/README.md: the table of connections must have the row";
    let (total, others) = (api * 13 * 32 + 12, groups(api - 1));
    let larger = total + 12 * 32;
    let dev = api * 3 * 32 + 2 * 2 * 4;
    for row in [
        json!({
            "set": {"HorizontalPodAutoscaler users/spec/maxReplicas": 20},
            "finds": [format!("{file} `| prod | 25 x 32 + {others} | 3 x 4 | {larger} | 2 x 30 of PgBouncer, and the Job |`")],
        }),
        json!({
            "set": {"Deployment pgbouncer/spec/replicas": 3},
            "finds": [format!("{file} `| prod | {} | 3 x 4 | {total} | 3 x 30 of PgBouncer, and the Job |`", groups(api))],
        }),
        json!({
            "in": "dev",
            "set": {"StatefulSet postgres/spec/template/spec/containers/0/args/1": "max_connections=200"},
            "finds": [format!("the database: max_connections is 200, but the pods may open {dev}")],
        }),
    ] {
        let lines = differences(checks::connections::check, &row);
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }
}

#[test]
fn the_pooler_times_out_before_the_app() {
    let wait = checks::connections::pooler_wait(rendered("prod", None)).map(Duration::from_secs);
    // A statement that waits longer would run after its caller has given up.
    assert!(
        wait.is_some_and(|wait| !wait.is_zero() && wait < web::config::deadline::POSTGRES.store)
    );
}
