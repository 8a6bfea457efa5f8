//! Checks that Jenkins, GitHub Actions and .ci/run call the same commands, so that a change that passes
//! in one passes in all, and that they set the variables that the scripts require.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;

use crate::{assert_no_problems, jenkins, read, workflows};

const COMMANDS: &[&str] = &[
    "cargo xtask check",
    "cargo xtask book",
    "cargo xtask test",
    "cargo xtask coverage",
    "cargo xtask sbom",
    "cargo xtask audit",
    "cargo xtask reproducible",
];
const SCRIPTS: &[&str] = &[
    "scripts/build.sh build",
    "scripts/build.sh publish",
    "scripts/deploy.sh",
    "trivy sbom",
];

/// Variables of the scripts: the registry, the builder, and the identities that sign and verify. Jenkins
/// uses the key: the rules in `jenkins/` have its variables.
const KEYLESS: &[&str] = &["REGISTRY", "BUILDER_ID", "COSIGN_IDENTITY", "COSIGN_ISSUER"];
const BY_KEY: &[&str] = &["COSIGN_KEY", "COSIGN_KEY_PUB"];

/// Returns the variables that a text does not contain as a word.
fn missing_variables(place: &str, text: &str, variables: &[&str]) -> Vec<String> {
    let words: BTreeSet<&str> = text
        .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .collect();
    let missing = variables.iter().filter(|it| !words.contains(**it));
    missing.map(|it| format!("{place} has no {it}")).collect()
}

/// Returns the commands that no script calls.
fn missing(place: &str, scripts: &[String], commands: &[&str]) -> Vec<String> {
    let called = |command: &str| scripts.iter().any(|script| calls(script, command));
    let missing = commands.iter().filter(|it| !called(it));
    missing
        .map(|it| format!("{place} does not call {it}"))
        .collect()
}

/// Returns true if a line begins with the command, as a word, with or without `exec`.
fn calls(script: &str, command: &str) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    script.lines().any(|line| {
        let line = line.trim();
        let rest = line
            .strip_prefix("exec ")
            .unwrap_or(line)
            .strip_prefix(command);
        rest.is_some_and(ends)
    })
}

#[test]
fn jenkins_runs_every_command() -> Result<()> {
    let Some([release, _]) = jenkins::files() else {
        return Ok(());
    };
    let commands = [COMMANDS, SCRIPTS].concat();
    assert_no_problems(&missing("Jenkinsfile", &release.scripts, &commands))
}

#[test]
fn actions_run_every_command() -> Result<()> {
    let commands = [COMMANDS, SCRIPTS].concat();
    assert_no_problems(&missing(".github", &workflows::scripts()?, &commands))
}

#[test]
fn ci_run_runs_every_check_command() -> Result<()> {
    assert_no_problems(&missing(".ci/run", &[read(".ci/run")?], COMMANDS))
}

#[test]
fn actions_set_every_variable_of_the_scripts() -> Result<()> {
    let mut scripts = String::new();
    for entry in fs::read_dir(delivery::root().join("scripts"))? {
        scripts += &fs::read_to_string(entry?.path())?;
    }
    let actions: String = workflows::files()?.into_iter().map(|it| it.1).collect();
    let all = [KEYLESS, BY_KEY].concat();
    assert_no_problems(&missing_variables("scripts", &scripts, &all))?;
    assert_no_problems(&missing_variables(".github", &actions, KEYLESS))
}

#[test]
fn reports_a_missing_command_or_variable() {
    let commented = "# cargo xtask test\ncargo xtask tests\n".to_owned();
    let found = missing("a script", &[commented], &["cargo xtask test"]);
    assert_eq!(found, ["a script does not call cargo xtask test"]);
    let found = missing_variables("a script", "REGISTRY_NAME=x", &["REGISTRY"]);
    assert_eq!(found, ["a script has no REGISTRY"]);
}
