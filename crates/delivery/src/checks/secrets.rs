//! Secrets: neither the rendered objects nor their sources contain one; pods use a Secret that is
//! created elsewhere.

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{labels, members, text};

/// Parts of names that indicate a secret.
const NAMES: [&str; 5] = ["password", "secret", "key", "token", "credential"];

/// Values that the example may have in place of secrets.
const PLACEHOLDERS: [&str; 2] = ["replace-me", "admin@example.com"];

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for secret in environment.of("Secret") {
        let keys: Vec<_> = ["data", "stringData"]
            .iter()
            .flat_map(|field| members(&secret.value()[*field]))
            .map(|(key, _)| key)
            .collect();
        let problem = "it is rendered with more than runtime configuration";
        found.expect(keys == ["runtime-config.toml"], secret, problem);
    }
    for map in environment.of("ConfigMap") {
        for (name, value) in members(&map.value()["data"]) {
            literal(map, name, text(value), &mut found);
        }
    }
    for pod in environment.pods() {
        for variable in pod.variables() {
            let (name, value) = (text(&variable["name"]), text(&variable["value"]));
            literal(&pod.owner, name, value, &mut found);
        }
    }
    example(environment, &mut found);
    found.into_vec()
}

fn literal(owner: impl std::fmt::Display, name: &str, value: &str, found: &mut Findings) {
    let name_promises = NAMES.iter().any(|part| name.to_lowercase().contains(part));
    // A switch, a number or an empty value is not a secret.
    let is_plain = ["", "true", "false", "unused"].contains(&value) || value.parse::<u64>().is_ok();
    let has_login = value
        .split("://")
        .skip(1)
        .filter_map(|rest| rest.split(['/', ' ', '\n', '"']).next())
        .any(|authority| authority.contains('@'));
    if (name_promises && !is_plain) || value.contains("PRIVATE KEY-----") || has_login {
        found.add(owner, format!("{name} looks like a secret and has a value"));
    }
}

/// Checks that no kustomization includes the example, and that all its values are placeholders.
fn example(environment: &Environment, found: &mut Findings) {
    let project = &environment.project;
    let file = "k8s/base/secret.example.yaml";
    for (path, text) in &project.kustomizations {
        found.expect(
            !text.contains("secret.example"),
            path,
            format!("it refers to {file}"),
        );
    }
    for (key, value) in labels(&project.example["stringData"]) {
        let is_placeholder = PLACEHOLDERS.contains(&value.as_str());
        found.expect(
            is_placeholder,
            file,
            format!("the value of {key} is not a placeholder"),
        );
    }
    let rendered = environment.find("Secret", project.secret_name());
    found.expect(rendered.is_none(), file, "it is rendered");
}
