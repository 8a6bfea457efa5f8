//! Checks of the pipelines with other programs: GitHub's schemas with check-jsonschema, security with
//! zizmor, the scripts in them with shellcheck.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use devservices::provided;
use tempfile::TempDir;

use crate::{changed, jenkins, read, workflows};

/// Variable with the folder of the programs.
const TOOLS: &str = "ROSTER_TOOLS";

/// Returns true if the programs are there, and Groovy.
pub fn are_provided() -> bool {
    provided(TOOLS).is_some()
}

fn tool(name: &str) -> Result<Command> {
    let folder = provided(TOOLS).context("ROSTER_TOOLS is not set")?;
    let path = PathBuf::from(folder).join(name);
    ensure!(path.is_file(), "{TOOLS} has no {name}");
    Ok(Command::new(path))
}

/// Runs the program to its end; if it fails, its output is the error.
fn check(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&output.stdout) + &text(&output.stderr);
    ensure!(output.status.success(), "{}: {all}", output.status);
    Ok(())
}

fn schema(name: &str, files: &[PathBuf]) -> Result<()> {
    let name = format!("vendor.{name}");
    check(
        tool("check-jsonschema")?
            .args(["--builtin-schema", &name])
            .args(files),
    )
}

/// Checks security offline, so without the check that a commit is in its repository.
fn security(folder: &Path) -> Result<()> {
    let arguments = ["--offline", "--no-progress", "--strict-collection"];
    check(tool("zizmor")?.args(arguments).arg(folder))
}

/// Checks the scripts of a pipeline, which are in no file of their own.
fn shell(scripts: &[String]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("shellcheck");
    command.args(["--shell", "bash"]);
    for (number, script) in scripts.iter().enumerate() {
        let path = folder.path().join(format!("{number}.sh"));
        fs::write(&path, script)?;
        command.arg(path);
    }
    check(&mut command)
}

fn paths(part: &str) -> Result<Vec<PathBuf>> {
    let root = delivery::root();
    let files = workflows::files()?.into_iter().map(|(path, _)| path);
    Ok(files
        .filter(|it| it.contains(part))
        .map(|it| root.join(it))
        .collect())
}

#[test]
fn workflows_and_dependabot_match_githubs_schemas() -> Result<()> {
    if !are_provided() {
        return Ok(());
    }
    schema("github-workflows", &paths("/workflows/")?)?;
    schema("github-actions", &paths("/actions/")?)?;
    schema(
        "dependabot",
        &[delivery::root().join(".github/dependabot.yml")],
    )
}

#[test]
fn zizmor_reports_nothing() -> Result<()> {
    if !are_provided() {
        return Ok(());
    }
    security(&delivery::root().join(".github"))
}

#[test]
fn shellcheck_reports_nothing() -> Result<()> {
    let Some(jenkinsfiles) = jenkins::files() else {
        return Ok(());
    };
    // GitHub ends a script at its first failure.
    let scripts = workflows::scripts()?;
    let mut scripts: Vec<_> = scripts.iter().map(|it| format!("set -e\n{it}")).collect();
    // Jenkins' own shell is not bash, but it runs only single commands.
    scripts.extend(jenkinsfiles.iter().flat_map(|it| it.scripts.clone()));
    shell(&scripts)
}

#[test]
fn shellcheck_reports_an_unquoted_variable() {
    assert_error_contains(shell(&["rm $HOME".to_owned()]), "SC2086");
}

/// Returns a folder with rollback.yml, broken in one place.
fn broken(from: &str, to: &str) -> Result<(TempDir, PathBuf)> {
    let text = changed(&read(".github/workflows/rollback.yml")?, from, to)?;
    let folder = tempfile::tempdir()?;
    let workflows = folder.path().join(".github/workflows");
    fs::create_dir_all(&workflows)?;
    let path = workflows.join("rollback.yml");
    fs::write(&path, text)?;
    Ok((folder, path))
}

#[track_caller]
fn assert_error_contains(result: Result<()>, what: &str) {
    let problem = result.err().map(|it| it.to_string()).unwrap_or_default();
    assert!(problem.contains(what), "{what:?} is not in {problem:?}");
}

#[test]
fn the_workflow_schema_rejects_a_misspelt_key() -> Result<()> {
    if !are_provided() {
        return Ok(());
    }
    let (_folder, path) = broken("    runs-on:", "    run-on:")?;
    assert_error_contains(schema("github-workflows", &[path]), "run-on");
    Ok(())
}

#[test]
fn zizmor_reports_a_template_injection() -> Result<()> {
    if !are_provided() {
        return Ok(());
    }
    let [from, to] = [
        "    steps:\n",
        "    steps:\n      - run: echo ${{ github.head_ref }}\n",
    ];
    let (folder, _) = broken(from, to)?;
    assert_error_contains(security(folder.path()), "template-injection");
    Ok(())
}
