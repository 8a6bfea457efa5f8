//! The pipelines, held against their rules: GitHub's and Jenkins' own forms, what keeps a secret a secret,
//! and that all of them call the same commands. None of them runs here.
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

/// A file of the project.
fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(delivery::root().join(path)).with_context(|| format!("read {path}"))
}

/// Fails with all problems, if there are any.
fn none(problems: &[String]) -> Result<()> {
    ensure!(problems.is_empty(), "\n{}", problems.join("\n"));
    Ok(())
}

/// A text with one place changed, for tests of the rules: it must be there, and only once.
fn changed(text: &str, from: &str, to: &str) -> Result<String> {
    let places = text.matches(from).count();
    ensure!(places == 1, "{places} places have {from:?}");
    Ok(text.replace(from, to))
}

/// Fails unless a rule has found one thing, and named it.
#[track_caller]
fn named(problems: &[String], what: &str) {
    assert!(
        problems.len() == 1 && problems.iter().all(|it| it.contains(what)),
        "{what:?} should be all of {problems:#?}"
    );
}
