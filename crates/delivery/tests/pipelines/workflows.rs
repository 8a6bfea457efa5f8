//! Rules for the workflows that no other program checks: pinned actions with their version, permissions,
//! no expression within a script.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{assert_no_problems, changed, read};

/// Returns the workflows and the actions of the project, with their paths.
pub fn files() -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(delivery::root().join(".github/workflows"))? {
        let name = entry?.file_name();
        let name = name.to_str().context("a name that is not UTF-8")?;
        found.push(format!(".github/workflows/{name}"));
    }
    for entry in fs::read_dir(delivery::root().join(".github/actions"))? {
        let name = entry?.file_name();
        let name = name.to_str().context("a name that is not UTF-8")?;
        found.push(format!(".github/actions/{name}/action.yml"));
    }
    found.sort();
    let text = |path: String| Ok((path.clone(), read(&path)?));
    found.into_iter().map(text).collect()
}

/// Returns the problems of one file.
fn problems(path: &str, text: &str) -> Result<Vec<String>> {
    let yaml: Value = serde_yaml_ng::from_str(text).with_context(|| path.to_owned())?;
    let mut found = unpinned(text);
    for step in steps(&yaml) {
        found.extend(step_problems(step));
    }
    if let Some(jobs) = yaml.get("jobs").and_then(Value::as_object) {
        if yaml.get("permissions") != Some(&json!({})) {
            found.push("the workflow grants permissions to all of its jobs".to_owned());
        }
        for (name, job) in jobs {
            if job.get("permissions").is_none() {
                found.push(format!("{name} does not set its permissions"));
            }
            found.extend(identity_beside_code(name, job));
            // A called workflow sets the timeouts of its own jobs.
            if job.get("uses").is_none() && job.get("timeout-minutes").is_none() {
                found.push(format!("{name} has no timeout"));
            }
        }
    }
    Ok(found
        .into_iter()
        .map(|it| format!("{path}: {it}"))
        .collect())
}

/// Checks that a job that compiles third-party code has no secret and no identity for signing.
fn identity_beside_code(name: &str, job: &Value) -> Option<String> {
    let steps = job.get("steps").and_then(Value::as_array)?;
    let compiles = steps.iter().any(|step| {
        let run = step.get("run").and_then(Value::as_str).unwrap_or_default();
        ["cargo ", "rustup ", "build.sh build"]
            .iter()
            .any(|it| run.contains(it))
    });
    let permissions = job.get("permissions").and_then(Value::as_object)?;
    let signs = ["id-token", "packages"]
        .iter()
        .any(|it| permissions.contains_key(*it));
    let text = job.to_string();
    let secret = text.contains("secrets.") || text.contains("github.token");
    let environment = job.get("environment").is_some();
    (compiles && (signs || secret || environment))
        .then(|| format!("{name} compiles with access to secrets or an identity"))
}

/// Returns the actions that are neither of this commit nor pinned to a full one with its version.
fn unpinned(text: &str) -> Vec<String> {
    let uses = |line: &str| {
        let line = line.trim().trim_start_matches("- ");
        line.strip_prefix("uses:").map(|it| it.trim().to_owned())
    };
    text.lines()
        .filter_map(uses)
        .filter_map(|used| {
            let pinned = used.split_once('@').is_some_and(|(_, version)| {
                let (commit, comment) = version.split_once(" # v").unwrap_or_default();
                let hex = commit
                    .bytes()
                    .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
                commit.len() == 40 && hex && comment.starts_with(|it: char| it.is_ascii_digit())
            });
            let ours = used.starts_with("$/.github/");
            (!pinned && !ours).then(|| format!("{used} is not pinned by commit and version"))
        })
        .collect()
}

/// Returns the steps of a workflow's jobs, or of an action.
fn steps(yaml: &Value) -> Vec<&Value> {
    let jobs = yaml.get("jobs").and_then(Value::as_object);
    let jobs = jobs.into_iter().flat_map(|it| it.values());
    let lists = jobs
        .chain(yaml.get("runs"))
        .filter_map(|it| it.get("steps")?.as_array());
    lists.flatten().collect()
}

fn step_problems(step: &Value) -> Option<String> {
    let run = step.get("run").and_then(Value::as_str).unwrap_or_default();
    if run.contains("${{") {
        return Some(format!("a script contains an expression: {run}"));
    }
    let used = step.get("uses").and_then(Value::as_str).unwrap_or_default();
    let keeps = step.pointer("/with/persist-credentials") != Some(&json!(false));
    (used.starts_with("actions/checkout@") && keeps)
        .then(|| format!("{used} keeps its credentials"))
}

/// Returns the scripts that the workflows run.
pub fn scripts() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (_, text) in files()? {
        let yaml: Value = serde_yaml_ng::from_str(&text)?;
        let runs = steps(&yaml)
            .into_iter()
            .filter_map(|it| it.get("run")?.as_str());
        found.extend(runs.map(str::to_owned));
    }
    Ok(found)
}

#[test]
fn workflows_and_actions_keep_the_rules() -> Result<()> {
    let mut found = Vec::new();
    for (path, text) in files()? {
        found.extend(problems(&path, &text)?);
    }
    assert_no_problems(&found)
}

const RELEASE: &str = ".github/workflows/release.yml";
const ROLLBACK: &str = ".github/workflows/rollback.yml";

/// Changes one place of a file, and expects only a problem that contains `what`.
#[track_caller]
fn assert_reported(path: &str, from: &str, to: &str, what: &str) -> Result<()> {
    let found = problems(path, &changed(&read(path)?, from, to)?)?;
    let is_reported = found.len() == 1 && found.iter().all(|it| it.contains(what));
    assert!(is_reported, "expected {what:?}, found {found:#?}");
    Ok(())
}

#[test]
fn a_changed_workflow_is_reported() -> Result<()> {
    let pin = "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
    assert_reported(ROLLBACK, pin, "v7", "actions/checkout@v7 is not pinned")?;
    assert_reported(
        ROLLBACK,
        " # v7.0.1",
        "",
        "not pinned by commit and version",
    )?;
    assert_reported(ROLLBACK, "ns: {}", "ns: read-all", "all of its jobs")?;
    let own = "    permissions:\n      contents: read\n";
    assert_reported(ROLLBACK, own, "", "rollback does not set its permissions")?;
    let limit = "    timeout-minutes: 75\n";
    assert_reported(ROLLBACK, limit, "", "rollback has no timeout")?;
    let without = "        with:\n          persist-credentials: false\n";
    assert_reported(ROLLBACK, without, "", "keeps its credentials")?;
    let publish = "          scripts/build.sh publish";
    let builds = format!("          scripts/build.sh build 1.0.0\n{publish}");
    assert_reported(RELEASE, publish, &builds, "publish compiles with access")?;
    let input = "publish \"${{ inputs.version }}${VERSION:-";
    assert_reported(
        RELEASE,
        "publish \"${VERSION:-",
        input,
        "contains an expression",
    )
}

#[test]
fn jobs_receive_only_the_digest() -> Result<()> {
    let yaml: Value = serde_yaml_ng::from_str(&read(RELEASE)?)?;
    let digest = json!("${{ needs.publish.outputs.digest }}");
    for job in ["dev", "staging", "prod"] {
        let job = yaml.pointer(&format!("/jobs/{job}")).context(job)?;
        let what = job.pointer("/steps/1/with/what");
        assert_eq!(what, Some(&digest));
        assert_eq!(
            job.get("environment"),
            job.pointer("/steps/1/with/environment")
        );
    }
    Ok(())
}

#[test]
fn the_job_that_signs_gets_and_archives_roster_admin() -> Result<()> {
    let yaml: Value = serde_yaml_ng::from_str(&read(RELEASE)?)?;
    let files = |job: &str, action: &str, name: &str| {
        let steps = yaml.pointer(&format!("/jobs/{job}/steps"))?.as_array()?;
        let step = steps.iter().find(|step| {
            let uses = step.get("uses").and_then(Value::as_str);
            uses.is_some_and(|uses| uses.starts_with(action))
                && step.pointer("/with/name") == Some(&json!(name))
        });
        step?.pointer("/with/path")?.as_str()
    };
    let (upload, download) = ("actions/upload-artifact@", "actions/download-artifact@");
    let built = files("build", upload, "build-roster-admin");
    assert_eq!(built, Some("target/release/roster-admin"));
    let received = files("publish", download, "build-roster-admin");
    assert_eq!(received, Some("target/release"));
    assert_eq!(files("publish", upload, "roster-admin"), received);
    Ok(())
}

#[test]
fn a_rollback_requires_neither_run_nor_approval() -> Result<()> {
    let release: Value = serde_yaml_ng::from_str(&read(RELEASE)?)?;
    let rollback: Value = serde_yaml_ng::from_str(&read(ROLLBACK)?)?;
    let group = rollback.pointer("/jobs/rollback/concurrency/group");
    let group = group.and_then(Value::as_str).context("no group")?;
    assert_eq!(group, "rollback-${{ inputs.environment }}");
    let jobs = release
        .get("jobs")
        .and_then(Value::as_object)
        .context("no jobs")?;
    for (name, job) in jobs {
        let other = job.pointer("/concurrency/group").and_then(Value::as_str);
        assert!(
            !other.unwrap_or_default().starts_with("rollback-"),
            "{name}"
        );
        // A started job is never cancelled: it may be half done.
        assert_eq!(
            job.pointer("/concurrency/cancel-in-progress"),
            None,
            "{name}"
        );
    }
    // The approval is outside the lock and the Environment that a rollback uses.
    let approval = jobs.get("approve").context("no approval")?;
    assert_eq!(approval.get("environment"), Some(&json!("prod-approval")));
    assert_eq!(approval.get("concurrency"), None);
    let needs = release.pointer("/jobs/prod/needs");
    assert_eq!(needs, Some(&json!(["publish", "approve"])));
    Ok(())
}
