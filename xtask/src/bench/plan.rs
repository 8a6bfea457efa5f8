//! Builds and fills every target, and writes the load generator's plan.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use devservices::INSTANCE_LIMIT;
use serde_json::{Value, json};

use super::Arguments;
use super::data::Filled;
use super::targets::{Target, contract};
use crate::dev::host::Kind;
use crate::tools::workspace::{is_changed, reports_dir, root, step};

/// Users per database: more than a fast target reads within the lifetime of a cache entry.
const USERS: u64 = 200_000;
const FEW_USERS: u64 = 20_000;

/// Everything that a run needs; dropping it stops the servers.
pub struct Prepared {
    /// The plan, a JSON file.
    pub file: PathBuf,
    _filled: Vec<Filled>,
}

/// Prepares the targets that `arguments` select, with the servers' files in `dir`.
pub async fn prepare(arguments: &Arguments, dir: &Path) -> Result<Prepared> {
    let (mut targets, mut skipped, mut filled) = (Vec::new(), Vec::new(), Vec::new());
    let (mut has_spin, reports) = (false, reports_dir()?);
    for target in selected_targets(arguments) {
        let built = match target.build() {
            Ok(built) => built,
            Err(error) => {
                step(&format!("skipping {}: {error:#}", target.name()));
                skipped.push(json!({ "what": target.name(), "reason": format!("{error:#}") }));
                continue;
            }
        };
        has_spin |= target.kind() == Some(Kind::Spin);
        let (role, host) = target.role_and_host();
        let mut environment = BTreeMap::new();
        if target.kind().is_some() {
            let (name, value) = INSTANCE_LIMIT;
            environment.insert(name.to_owned(), value.to_owned());
        }
        let mut data = Value::Null;
        if !matches!(target, Target::Hello(_)) {
            step(&format!("preparing servers for {}", target.name()));
            let users = if arguments.quick { FEW_USERS } else { USERS };
            let own = Filled::start(&dir.join(target.name()), users).await?;
            let settings = own.settings.environment();
            environment.extend(settings.map(|(name, value)| (name, value.to_owned())));
            data = own.data.clone();
            filled.push(own);
        }
        let log = reports.join(format!("bench-{}.log", target.name()));
        // Removes the log of the previous run; the processes of this one append to it.
        fs::write(&log, "")?;
        targets.push(json!({
            "name": target.name(),
            "role": role,
            "host": host,
            "command": built.command,
            "scratch": dir.join(format!("{}-processes", target.name())),
            "log": log,
            "folder": root(),
            "environment": environment,
            "data": data,
            "shipped": built.shipped,
        }));
    }
    ensure!(
        !targets.is_empty(),
        "none of these targets can be measured here"
    );
    let plan = json!({
        "commit": commit(),
        "versions": versions(has_spin),
        "targets": targets,
        "skipped": skipped,
        "contract": contract(),
        "reports": reports,
    });
    // Contains passwords, of servers that end with this command; the folder is removed with them.
    let file = dir.join("plan.json");
    fs::write(&file, plan.to_string())?;
    Ok(Prepared {
        file,
        _filled: filled,
    })
}

fn selected_targets(arguments: &Arguments) -> impl Iterator<Item = Target> {
    let on_host = |target: &Target| match (arguments.host, target.kind()) {
        (Some(wanted), Some(kind)) => wanted == kind,
        _ => true,
    };
    let all = Target::ALL.into_iter().filter(on_host);
    all.filter(|target| target.is_in(&arguments.targets))
}

/// Commit that is measured, marked when the files differ from it.
fn commit() -> String {
    let commit = output(&["git", "rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
    match is_changed() {
        Ok(false) => commit,
        _ => format!("{commit} with changes"),
    }
}

fn versions(has_spin: bool) -> BTreeMap<&'static str, String> {
    let mut commands = vec![
        ("rustc", vec!["rustc", "--version"]),
        ("Redis", vec!["redis-server", "--version"]),
        ("Python", vec!["python3", "--version"]),
    ];
    if has_spin {
        commands.push(("Spin", vec!["spin", "--version"]));
    }
    let versions = commands.into_iter().filter_map(|(name, command)| {
        let text = output(&command)?;
        let mut words = text
            .split_whitespace()
            .map(|word| word.trim_start_matches("v="));
        let is_version = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
        Some((name, words.find(is_version)?.to_owned()))
    });
    versions.collect()
}

/// Output of a command; `None` when it fails.
fn output(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}
