//! Paths and state of the project, and progress messages of commands.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Folder of spin.toml.
pub fn root() -> &'static Path {
    // xtask is one level below it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Folder of cargo's output.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Folder of the quality gates' reports; created if it is missing.
pub fn reports_dir() -> Result<PathBuf> {
    let folder = target_dir().join("reports");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// State that `up` keeps between starts; ignored by git.
pub fn state_dir() -> PathBuf {
    root().join(".roster")
}

/// Manifest of the components, which the host runs, too.
pub fn manifest() -> PathBuf {
    root().join("spin.toml")
}

/// Prints the name of the step that begins on standard error.
pub fn step(text: &str) {
    eprintln!("==> {text}");
}

/// Returns true if a file of the last commit was changed since.
pub fn is_changed() -> Result<bool> {
    let mut git = Command::new("git");
    git.args(["status", "--porcelain", "--untracked-files=no"]);
    let output = git.current_dir(root()).output().context("cannot run git")?;
    ensure!(output.status.success(), "git status failed");
    Ok(!output.stdout.is_empty())
}
