//! Checks that Jenkins, GitHub Actions and .ci/run call the same commands, so that a change that passes
//! in one passes in all, and that they set the variables that the scripts require.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;

use crate::groovy::{Call, parse};
use crate::{assert_no_problems, assert_one_problem, changed, read, workflows};

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

/// Variables of the scripts: the registry, the builder, and the identities that sign and verify.
const BY_KEY: &[&str] = &["REGISTRY", "BUILDER_ID", "COSIGN_KEY", "COSIGN_KEY_PUB"];
const KEYLESS: &[&str] = &["REGISTRY", "BUILDER_ID", "COSIGN_IDENTITY", "COSIGN_ISSUER"];

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

/// Returns the scripts that a Jenkinsfile runs.
pub fn scripts(jenkinsfile: &str) -> Result<Vec<String>> {
    let calls = parse(jenkinsfile)?;
    let all = calls.iter().flat_map(Call::everywhere);
    let run = all.filter(|it| it.name == "sh").filter_map(Call::text);
    Ok(run.map(str::to_owned).collect())
}

#[test]
fn jenkins_runs_every_command() -> Result<()> {
    let scripts = scripts(&read("Jenkinsfile")?)?;
    assert_no_problems(&missing("Jenkinsfile", &scripts, COMMANDS))?;
    assert_no_problems(&missing("Jenkinsfile", &scripts, SCRIPTS))
}

#[test]
fn actions_run_every_command() -> Result<()> {
    let scripts = workflows::scripts()?;
    assert_no_problems(&missing(".github", &scripts, COMMANDS))?;
    assert_no_problems(&missing(".github", &scripts, SCRIPTS))
}

#[test]
fn ci_run_runs_every_check_command() -> Result<()> {
    assert_no_problems(&missing(".ci/run", &[read(".ci/run")?], COMMANDS))
}

#[test]
fn the_pipelines_set_every_variable_of_the_scripts() -> Result<()> {
    let mut scripts = String::new();
    for entry in fs::read_dir(delivery::root().join("scripts"))? {
        scripts += &fs::read_to_string(entry?.path())?;
    }
    let actions = workflows::files()?.into_iter().map(|(_, text)| text);
    let actions: String = actions.collect();
    assert_no_problems(&missing_variables("scripts", &scripts, BY_KEY))?;
    assert_no_problems(&missing_variables("scripts", &scripts, KEYLESS))?;
    assert_no_problems(&missing_variables(
        "Jenkinsfile",
        &read("Jenkinsfile")?,
        BY_KEY,
    ))?;
    assert_no_problems(&missing_variables(".github", &actions, KEYLESS))
}

#[test]
fn reports_a_renamed_variable() -> Result<()> {
    let [from, to] = ["REGISTRY = ", "REGISTRY_NAME = "];
    let text =
        changed(&read("Jenkinsfile")?, from, to)?.replace("${REGISTRY%%", "${REGISTRY_NAME%%");
    let text = text.replace("may push to REGISTRY", "may push");
    let found = missing_variables("Jenkinsfile", &text, BY_KEY);
    assert_one_problem(&found, "Jenkinsfile has no REGISTRY");
    Ok(())
}

#[test]
fn reports_a_missing_command() -> Result<()> {
    let [from, to] = ["sh 'cargo xtask coverage'", "echo 'cargo xtask coverage'"];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    let found = missing("Jenkinsfile", &scripts(&text)?, COMMANDS);
    assert_one_problem(&found, "Jenkinsfile does not call cargo xtask coverage");
    let commented = "# cargo xtask test\ncargo xtask tests\n".to_owned();
    let found = missing("a script", &[commented], &["cargo xtask test"]);
    assert_one_problem(&found, "a script does not call cargo xtask test");
    Ok(())
}
