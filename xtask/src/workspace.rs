//! Paths of the project, and how a command tells what it does.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of spin.toml.
pub fn root() -> &'static Path {
    // xtask is one level below it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Where the quality gates leave their reports; made when it is missing.
pub fn reports_dir() -> Result<PathBuf> {
    let folder = target_dir().join("reports");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// What `up` keeps between starts; ignored by git.
pub fn state_dir() -> PathBuf {
    root().join(".roster")
}

/// The components' manifest, which is also what the host runs.
pub fn manifest() -> PathBuf {
    root().join("spin.toml")
}

/// Names the step that begins, on standard error.
pub fn step(text: &str) {
    eprintln!("==> {text}");
}
