//! Checks of the pipelines: the formats of GitHub and Jenkins, the secrecy of secrets, and the same
//! commands in all of them. No pipeline runs here.
//!
//! Needs `ROSTER_TOOLS`, the folder of check-jsonschema and zizmor; `cargo xtask test` provides it.

#[path = "pipelines/commands.rs"]
mod commands;
#[path = "pipelines/declarative.rs"]
mod declarative;
#[path = "pipelines/groovy.rs"]
mod groovy;
#[path = "pipelines/jenkins.rs"]
mod jenkins;
#[path = "pipelines/tools.rs"]
mod tools;
#[path = "pipelines/workflows.rs"]
mod workflows;

use anyhow::{Context, Result, ensure};

/// Reads a file of the project.
fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(delivery::root().join(path))
        .with_context(|| format!("cannot read {path}"))
}

/// Fails with all problems, if there are any.
fn assert_no_problems(problems: &[String]) -> Result<()> {
    ensure!(problems.is_empty(), "\n{}", problems.join("\n"));
    Ok(())
}

/// Returns the text with `from` replaced, for tests of the rules; it must occur exactly once.
fn changed(text: &str, from: &str, to: &str) -> Result<String> {
    let places = text.matches(from).count();
    ensure!(
        places == 1,
        "expected {from:?} once, found it {places} times"
    );
    Ok(text.replace(from, to))
}

/// Fails unless a rule reports exactly one problem, which contains `what`.
#[track_caller]
fn assert_one_problem(problems: &[String], what: &str) {
    assert!(
        problems.len() == 1 && problems.iter().all(|it| it.contains(what)),
        "expected only a problem with {what:?}, found {problems:#?}"
    );
}
