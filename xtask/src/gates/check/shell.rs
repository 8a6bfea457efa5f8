//! Shell blocks of the Markdown documents: each has a marker that names its test, and the syntax of bash.
//!
//! The marker is the line before the block, `<!-- test: KIND -->`:
//! - `run`: a test of `tests/tests/docs` runs the block against the app;
//! - `options`: `super::commands` parses the commands of this project in it, since they start servers or need Docker;
//! - `syntax`: it has no command of this project, and needs a cluster or a server.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::commands::is_command;
use super::tracked;
use crate::tools::workspace::root;

/// Documents whose marked blocks the tests run, all of them.
const RUN: [&str; 4] = [
    "README.md",
    "docs/api.md",
    "docs/from-fastapi.md",
    "docs/tour.md",
];

/// Names of shells after the fence of a block.
const SHELLS: [&str; 4] = ["sh", "bash", "shell", "console"];

/// A shell block of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Number of the line of its fence.
    pub(super) line: usize,
    /// Kind in its marker.
    pub(super) kind: Option<&'a str>,
    pub(super) text: String,
}

/// Fails if a shell block has no marker, another marker than its content requires, or invalid syntax.
pub(super) fn check() -> Result<()> {
    let (mut count, mut wrong) = (0, Vec::new());
    for document in tracked(&["*.md"])? {
        let text = fs::read_to_string(root().join(&document))?;
        for block in blocks(&text) {
            count += 1;
            let report = match problem(&document, &block) {
                Some(report) => Some(report.to_owned()),
                None => syntax_error(&block.text)?,
            };
            wrong.extend(report.map(|report| format!("{document}:{}: {report}", block.line)));
        }
    }
    ensure!(wrong.is_empty(), "shell blocks:\n{}", wrong.join("\n"));
    println!("{count} shell blocks");
    Ok(())
}

/// The shell blocks of a document.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let (mut found, mut before): (Vec<Block>, _) = (Vec::new(), "");
    let (mut is_code, mut is_shell) = (false, false);
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), found.last_mut()) {
            (Some(language), _) => {
                is_shell = !is_code && SHELLS.contains(&language.trim());
                is_code = !is_code;
                if is_shell {
                    found.push(Block {
                        line: index + 1,
                        kind: kind(before),
                        text: String::new(),
                    });
                }
            }
            (None, Some(block)) if is_shell => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            _ => {}
        }
        before = line;
    }
    found
}

/// The kind in a marker.
fn kind(line: &str) -> Option<&str> {
    let kind = line.trim().strip_prefix("<!-- test: ")?;
    kind.strip_suffix(" -->")
}

/// A marker that is missing or contradicts the block.
fn problem(document: &str, block: &Block) -> Option<&'static str> {
    let has_command = block.text.lines().any(is_command);
    match block.kind {
        Some("run") if RUN.contains(&document) => None,
        Some("run") => Some("no test runs the blocks of this document: use `options` or `syntax`"),
        Some("options") if has_command => None,
        Some("options") => Some("has no command of this project: use `syntax`"),
        Some("syntax") if has_command => Some("has a command of this project: use `options`"),
        Some("syntax") => None,
        _ => Some("needs a marker on the line before: <!-- test: run -->, `options` or `syntax`"),
    }
}

/// The first line of bash's report.
fn syntax_error(script: &str) -> Result<Option<String>> {
    let mut bash = Command::new("bash")
        .arg("-n")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run bash")?;
    if let Some(mut input) = bash.stdin.take() {
        input.write_all(script.as_bytes())?;
    }
    let output = bash.wait_with_output()?;
    let report = String::from_utf8_lossy(&output.stderr);
    let report = report.lines().next().unwrap_or("invalid syntax");
    Ok((!output.status.success()).then(|| report.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{blocks, check, problem, syntax_error};

    #[test]
    fn every_shell_block_has_its_marker_and_is_valid() {
        check().unwrap();
    }

    #[test]
    fn blocks_are_found_with_their_markers() {
        let text = "<!-- test: run -->\n```sh\na\n\nb\n```\n```text\nc\n```\n1. d:\n\n   ```bash\n   e\n   ```\n";
        let found = blocks(text);
        let found: Vec<_> = found
            .iter()
            .map(|block| (block.line, block.kind, block.text.as_str()))
            .collect();
        assert_eq!(found, [(2, Some("run"), "a\n\nb\n"), (12, None, "   e\n")]);
    }

    #[test]
    fn a_marker_has_to_fit_the_block() {
        let problem = |document, marker, line| {
            let text = format!("{marker}\n```sh\n{line}\n```\n");
            problem(document, blocks(&text).first().unwrap())
        };
        let command = "cargo xtask up";
        for (document, marker, line) in [
            ("README.md", "<!-- test: run -->", "curl a"),
            ("a.md", "<!-- test: options -->", command),
            ("a.md", "<!-- test: syntax -->", "kubectl get pods"),
        ] {
            assert_eq!(problem(document, marker, line), None, "{marker}");
        }
        for (document, marker, line) in [
            ("a.md", "<!-- test: run -->", "curl a"),
            ("a.md", "<!-- test: options -->", "kubectl get pods"),
            ("a.md", "<!-- test: syntax -->", command),
            ("a.md", "<!-- test: other -->", "curl a"),
            ("a.md", "", "curl a"),
        ] {
            assert!(problem(document, marker, line).is_some(), "{marker}");
        }
    }

    #[test]
    fn unfinished_scripts_are_reported() {
        assert_eq!(syntax_error("a | b &&\n  c\n").unwrap(), None);
        assert!(syntax_error("for a in b; do\n").unwrap().is_some());
    }
}
