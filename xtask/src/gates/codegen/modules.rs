//! The map of the code: every package with its modules, each with its first sentence.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tools::workspace::root;

/// Folders of packages, and packages.
const PACKAGES: [&str; 6] = [
    "components",
    "crates",
    "bench",
    "examples",
    "tests",
    "xtask",
];

/// Levels of modules that are listed: a module and its children.
const LEVELS: usize = 2;

/// The text of docs/modules.md.
pub(super) fn text() -> Result<String> {
    let mut text = "# Modules\nWritten by `cargo xtask codegen` from the first sentence of each file; do not edit it.\n".to_owned();
    for package in packages()? {
        let folder = root().join(&package).join("src");
        let main = ["lib.rs", "main.rs"].map(|name| folder.join(name));
        let main = main.iter().find(|path| path.exists());
        let summary =
            summary(main.with_context(|| format!("{package} has no lib.rs or main.rs"))?)?;
        // Writing to a string does not fail.
        let _ = write!(text, "\n## {package}\n{summary}\n\n");
        list(&folder, "", &mut text)?;
    }
    Ok(text)
}

/// The packages in the order of [`PACKAGES`], as paths from the root.
fn packages() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in PACKAGES {
        if root().join(path).join("Cargo.toml").exists() {
            found.push(path.to_owned());
            continue;
        }
        for folder in entries(&root().join(path))? {
            if folder.join("Cargo.toml").exists() {
                let name = folder.strip_prefix(root())?;
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}

fn list(folder: &Path, prefix: &str, text: &mut String) -> Result<()> {
    for path in entries(folder)? {
        let Some(name) = module(&path) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        let level = name.matches("::").count();
        let indent = "  ".repeat(level);
        let _ = writeln!(text, "{indent}- `{name}`: {}", summary(&path)?);
        let children = path.with_extension("");
        if level + 1 < LEVELS && children.is_dir() {
            list(&children, &format!("{name}::"), text)?;
        }
    }
    Ok(())
}

/// The name of a file's module; `None` for the crate's root, tests and what is no module.
fn module(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(".rs")?;
    (!["lib", "main", "tests"].contains(&name)).then_some(name)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The first sentence of a file's documentation.
fn summary(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(first_sentence(&text))
}

fn first_sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(str::trim).take_while(|line| !line.is_empty());
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    match paragraph.split_once(". ") {
        Some((sentence, _)) => format!("{sentence}."),
        None => paragraph,
    }
}

#[cfg(test)]
mod tests {
    use super::first_sentence;

    #[test]
    fn a_summary_is_the_first_sentence() {
        let text = "//! Limits `a.b` to\n//! ten. More.\n//!\n//! Reasons.\n\nuse a;\n";
        assert_eq!(first_sentence(text), "Limits `a.b` to ten.");
        assert_eq!(first_sentence("//! One.\n"), "One.");
        assert_eq!(first_sentence("use a;\n"), "");
    }
}
