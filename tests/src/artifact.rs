//! Files of this checkout: the ones that git tracks, and the built ones that spin.toml names.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Folder of spin.toml.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Copies the files below `paths` that git tracks to the same paths in `folder`.
pub fn copy_tracked(paths: &[&str], folder: &Path) -> Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--"])
        .args(paths)
        .current_dir(root())
        .output()?;
    ensure!(listed.status.success(), "{listed:?}");
    for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (root().join(path), folder.join(path));
        fs::create_dir_all(to.parent().context("a file without a folder")?)?;
        // A file that was deleted since the last commit is not part of the tree.
        if from.exists() {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// Components of `spin.toml`: name and file. The manifest names files under `target/`, which
/// `CARGO_TARGET_DIR` moves.
pub fn components() -> Result<Vec<(String, PathBuf)>> {
    let manifest: toml::Table = fs::read_to_string(root().join("spin.toml"))?.parse()?;
    let table = manifest.get("component").and_then(toml::Value::as_table);
    let table = table.context("spin.toml has no components")?;
    table
        .iter()
        .map(|(name, component)| Ok((name.clone(), file(name, component)?)))
        .collect()
}

fn file(name: &str, component: &toml::Value) -> Result<PathBuf> {
    let source = component.get("source").and_then(toml::Value::as_str);
    let source = Path::new(source.with_context(|| format!("{name} has no file as source"))?);
    let target = env::var_os("CARGO_TARGET_DIR");
    Ok(match (target, source.strip_prefix("target")) {
        (Some(target), Ok(inside)) => root().join(target).join(inside),
        _ => root().join(source),
    })
}
