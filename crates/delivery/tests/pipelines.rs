//! Checks of the pipelines: the formats of GitHub and Jenkins, the secrecy of secrets, and the same
//! commands in all of them. Jenkins' pipelines run with stubs; the workflows do not run.
//!
//! Needs `ROSTER_TOOLS`, the folder of check-jsonschema and zizmor, and Groovy; `cargo xtask test` provides
//! them.

#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "pipelines/commands.rs"]
mod commands;
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
