//! Test of a complete rename of a copy of this project.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::{ONE_WORD, TWO_WORDS, name, track};
use crate::template::rename::names::{Name, Spelling};
use crate::template::rename::rules::{CURRENT, KEPT};
use crate::template::rename::tree::Tree;
use crate::template::rename::{finish, plan};
use crate::tools::cargo::{cargo, check};
use crate::tools::workspace;

#[test]
fn a_renamed_copy_is_complete() {
    for text in [ONE_WORD, TWO_WORDS] {
        let new = name(text);
        let folder = copy();
        let root = folder.path();
        let tree = Tree::read(root).unwrap();
        let (changes, _) = plan(&tree, &new).unwrap();
        tree.write(&changes).unwrap();
        finish(root).unwrap();
        track(root);
        assert_previous_name_only_in_history(root);
        assert_data_files_parse(root);
        assert_database_names_need_no_quotes(root, &new);
        assert_manifest_resolves(root, &new);
        assert_packages_resolve(root, &new);
        assert_overlays_render(root);
        let [before, after] =
            [workspace::root(), root].map(|root| permissions(&root.join(".ci/run")));
        assert_eq!(before, after);
    }
}

/// A copy of the files that git tracks, including uncommitted changes.
fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    for path in String::from_utf8(listed.stdout)
        .unwrap()
        .split_terminator('\0')
    {
        let (from, to) = (workspace::root().join(path), folder.path().join(path));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.exists() {
            fs::copy(from, to).unwrap();
        }
    }
    track(folder.path());
    folder
}

fn assert_previous_name_only_in_history(root: &Path) {
    let previous = Spelling::ALL.map(|spelling| name(CURRENT).spelled(spelling));
    for (path, text) in Tree::read(root).unwrap().texts() {
        let is_kept = KEPT.iter().any(|kept| path.starts_with(kept));
        let found = previous
            .iter()
            .find(|name| path.contains(*name) || text.contains(*name));
        assert!(is_kept || found.is_none(), "{path} contains {found:?}");
    }
}

fn assert_data_files_parse(root: &Path) {
    let mut count = 0;
    for (path, text) in Tree::read(root).unwrap().texts() {
        // Templates contain placeholders.
        if path.starts_with("xtask/templates/") {
            continue;
        }
        let extension = Path::new(path)
            .extension()
            .and_then(|extension| extension.to_str());
        let parsed = match extension {
            Some("json") => serde_json::from_str::<Value>(text)
                .map(drop)
                .map_err(|error| error.to_string()),
            Some("toml" | "lock") => text
                .parse::<toml::Table>()
                .map(drop)
                .map_err(|error| error.to_string()),
            Some("yaml" | "yml") => serde_yaml_ng::Deserializer::from_str(text)
                .try_for_each(|document| Value::deserialize(document).map(drop))
                .map_err(|error| error.to_string()),
            _ => continue,
        };
        assert_eq!(parsed, Ok(()), "{path}");
        count += 1;
    }
    assert!(count > 100, "{count}");
}

/// Postgres parses `copper-kettle` without quotes as a subtraction.
fn assert_database_names_need_no_quotes(root: &Path, new: &Name) {
    let (kebab, snake) = (new.as_str(), new.spelled(Spelling::Snake));
    let mut count = 0;
    for (path, text) in Tree::read(root).unwrap().texts() {
        for before in [
            " ROLE ",
            " TO ",
            " BY ",
            " OWNER ",
            " DATABASE ",
            "usename = '",
            "datname = '",
            "dbname='",
            "--dbname=",
            "--username=",
            "POSTGRES_USER: ",
            "POSTGRES_DB: ",
            "POSTGRES_DB\n              value: ",
            "PGUSER: ",
            "PGDATABASE: ",
            "DB_NAME: ",
            "DB_USER: ",
            "DB_NAME=",
            "DB_USER=",
            "db_name=",
            "db_user=",
            "db_user_previous=",
            "db_name = { default = \"",
            "db_user = { default = \"",
            "postgres://",
            "\"db_user\",\n                Text,\n                Some(\"",
            "open(\"db_name\", Text, Some(\"",
        ] {
            let is_kebab = kebab != snake && text.contains(&format!("{before}{kebab}"));
            assert!(!is_kebab, "{path} contains {before:?} with {kebab}");
            count += text.matches(&format!("{before}{snake}")).count();
        }
    }
    assert!(count > 50, "{count}");
}

fn assert_manifest_resolves(root: &Path, new: &Name) {
    let text = fs::read_to_string(root.join("spin.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    assert_eq!(manifest["application"]["name"].as_str(), Some(new.as_str()));
    let variables = manifest["variables"].as_table().unwrap();
    let default = |variable: &str| variables[variable]["default"].as_str().unwrap();
    assert_eq!(default("service_name"), new.as_str());
    assert_eq!(default("db_name"), new.spelled(Spelling::Snake));
    let components = manifest["component"].as_table().unwrap();
    for trigger in manifest["trigger"]["http"].as_array().unwrap() {
        // The host itself responds to other paths.
        let Some(component) = trigger.get("component") else {
            continue;
        };
        let component = component.as_str().unwrap();
        for (_, binding) in components[component]["variables"].as_table().unwrap() {
            let variable = binding.as_str().unwrap().trim_matches(['{', '}', ' ']);
            assert!(variables.contains_key(variable), "{component}: {variable}");
        }
    }
}

fn assert_packages_resolve(root: &Path, new: &Name) {
    // Fails if Cargo.lock would change. Unlike `cargo metadata` it needs no sources of other platforms.
    let mut locked = cargo();
    locked.args(["update", "--quiet", "--workspace", "--offline", "--locked"]);
    check(locked.current_dir(root)).unwrap();
    let output = cargo()
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for (name, program) in [
        (format!("{new}-cli"), new.to_string()),
        (format!("{new}-admin"), format!("{new}-admin")),
    ] {
        let package = packages.iter().find(|package| package["name"] == name);
        let targets = package.unwrap()["targets"].as_array().unwrap();
        let is_program =
            |target: &Value| target["name"] == program && target["kind"][0].as_str() == Some("bin");
        assert!(targets.iter().any(is_program), "{name}");
    }
}

fn assert_overlays_render(root: &Path) {
    let Some(kubectl) = devservices::provided("ROSTER_KUBECTL") else {
        return;
    };
    for parent in ["k8s/overlays", "k8s/deployer"] {
        for environment in ["dev", "staging", "prod"] {
            let mut render = Command::new(&kubectl);
            render
                .args(["kustomize", &format!("{parent}/{environment}")])
                .current_dir(root);
            let output = render.output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

fn permissions(path: &Path) -> fs::Permissions {
    fs::metadata(path).unwrap().permissions()
}
