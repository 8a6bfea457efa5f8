//! Validates the kinds without a schema in `schemas`, the objects that the Spin operator creates, and
//! the app's pods as admitted, with kubernetes-validate: a field or kind that is unknown in this version
//! of Kubernetes is a finding. The program starts slowly, so it is called once.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::schemas;
use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::Object;

/// Oldest version that is still supported; it would reject fields of later ones.
const KUBERNETES: &str = "1.34";

/// Objects by their JSON, with the environments that have them.
type Known<'a> = BTreeMap<String, Vec<(&'a str, Object)>>;

pub fn check<'a>(environments: impl Iterator<Item = &'a Environment>) -> Result<Vec<Finding>> {
    let known = objects(environments);
    let folder = tempfile::tempdir()?;
    for (index, text) in known.keys().enumerate() {
        fs::write(folder.path().join(index.to_string()), text)?;
    }
    let program = program()?;
    let output = Command::new(&program)
        .args(["--strict", "-k", KUBERNETES])
        .args((0..known.len()).map(|index| index.to_string()))
        .current_dir(folder.path())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let verdicts = verdicts(&String::from_utf8(output.stdout)?)?;
    if verdicts.len() != known.len() {
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!(
            "{} validated {} of {} objects: {problem}",
            program.display(),
            verdicts.len(),
            known.len()
        );
    }
    let mut found = Vec::new();
    for (index, holders) in known.into_values().enumerate() {
        let Some(Some(problem)) = verdicts.get(&index) else {
            continue;
        };
        for (environment, object) in holders {
            let mut findings = Findings::of(environment);
            findings.add(object, problem);
            found.extend(findings.into_vec());
        }
    }
    Ok(found)
}

fn program() -> Result<PathBuf> {
    let folder = std::env::var_os("ROSTER_TOOLS");
    let folder = folder.context("ROSTER_TOOLS must be the folder of kubernetes-validate")?;
    Ok(PathBuf::from(folder).join("kubernetes-validate"))
}

/// Collects each distinct object once: environments share many.
fn objects<'a>(environments: impl Iterator<Item = &'a Environment>) -> Known<'a> {
    let mut known = Known::new();
    for environment in environments {
        let rendered = environment
            .objects
            .iter()
            .filter(|object| !schemas::knows(object));
        let pods = environment
            .apps()
            .filter_map(|app| Some(environment.admitted(app)?.0));
        for object in rendered.cloned().chain(environment.made()).chain(pods) {
            let holders = known.entry(object.value().to_string()).or_default();
            holders.push((environment.name.as_str(), object));
        }
    }
    known
}

/// Parses the program's output, one line per object: `INFO <file> passed ...`, `ERROR <file> did not
/// validate for resource <it> against version <it>: <path>: <problem>` or `WARN <file> <problem>`.
fn verdicts(printed: &str) -> Result<BTreeMap<usize, Option<String>>> {
    let mut verdicts = BTreeMap::new();
    for line in printed.lines() {
        let mut words = line.splitn(3, ' ');
        let (level, file, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
        let index = file.and_then(|file| file.parse().ok());
        let problem = match level {
            Some("INFO") => None,
            Some("ERROR") => {
                let problem = rest
                    .split_once("against version ")
                    .and_then(|(_, rest)| rest.split_once(": "));
                Some(problem.map_or(rest, |(_, problem)| problem).to_owned())
            }
            Some("WARN") => Some(rest.to_owned()),
            // Continuation of a message of several lines.
            _ if index.is_none() => continue,
            _ => bail!("unexpected output of kubernetes-validate: {line}"),
        };
        verdicts.insert(
            index.with_context(|| format!("unexpected output of kubernetes-validate: {line}"))?,
            problem,
        );
    }
    Ok(verdicts)
}
