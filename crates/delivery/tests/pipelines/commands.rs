//! Jenkins, GitHub Actions and .ci/run call the same commands, so that what passes in one passes in all.

use anyhow::Result;

use crate::groovy::{Call, parse};
use crate::{changed, named, none, read, workflows};

const COMMANDS: &[&str] = &[
    "cargo xtask check",
    "cargo xtask test",
    "cargo xtask coverage",
    "cargo xtask sbom",
    "cargo xtask audit",
    "cargo xtask reproducible",
];
const SCRIPTS: &[&str] = &["scripts/build.sh", "scripts/deploy.sh", "trivy sbom"];

/// The commands that no script calls.
fn missing(place: &str, scripts: &[String], commands: &[&str]) -> Vec<String> {
    let called = |command: &str| scripts.iter().any(|script| calls(script, command));
    let missing = commands.iter().filter(|it| !called(it));
    missing
        .map(|it| format!("{place} does not call {it}"))
        .collect()
}

/// Whether a line begins with the command, as a word.
fn calls(script: &str, command: &str) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    script.lines().any(|line| {
        let rest = line.trim().strip_prefix(command);
        rest.is_some_and(ends)
    })
}

/// The scripts that a Jenkinsfile runs.
fn scripts(jenkinsfile: &str) -> Result<Vec<String>> {
    let calls = parse(jenkinsfile)?;
    let all = calls.iter().flat_map(Call::everywhere);
    let run = all.filter(|it| it.name == "sh").filter_map(Call::text);
    Ok(run.map(str::to_owned).collect())
}

#[test]
fn jenkins_calls_all() -> Result<()> {
    let scripts = scripts(&read("Jenkinsfile")?)?;
    none(&missing("Jenkinsfile", &scripts, COMMANDS))?;
    none(&missing("Jenkinsfile", &scripts, SCRIPTS))
}

#[test]
fn actions_call_all() -> Result<()> {
    let scripts = workflows::scripts()?;
    none(&missing(".github", &scripts, COMMANDS))?;
    none(&missing(".github", &scripts, SCRIPTS))
}

#[test]
fn ci_run_calls_all_that_need_no_cluster() -> Result<()> {
    none(&missing(".ci/run", &[read(".ci/run")?], COMMANDS))
}

#[test]
fn what_is_not_called_is_named() -> Result<()> {
    let [from, to] = ["sh 'cargo xtask coverage'", "echo 'cargo xtask coverage'"];
    let text = changed(&read("Jenkinsfile")?, from, to)?;
    let found = missing("Jenkinsfile", &scripts(&text)?, COMMANDS);
    named(&found, "Jenkinsfile does not call cargo xtask coverage");
    let commented = "# cargo xtask test\ncargo xtask tests\n".to_owned();
    let found = missing("a script", &[commented], &["cargo xtask test"]);
    named(&found, "a script does not call cargo xtask test");
    Ok(())
}
