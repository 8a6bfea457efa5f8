//! Relative links of the Markdown documents: each leads to a file, and each page in `docs/` is linked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, ensure};

use super::tracked;
use crate::tools::workspace::root;

/// Folders whose pages need no link of their own.
const LISTED: [&str; 1] = ["docs/decisions"];

/// Fails if a link leads nowhere, or if no document links a page of `docs/`.
pub(super) fn check() -> Result<()> {
    let (mut linked, mut broken) = (BTreeSet::new(), Vec::new());
    let documents = tracked(&["*.md"])?;
    for document in &documents {
        let text = fs::read_to_string(root().join(document))?;
        let folder = Path::new(document).parent().unwrap_or(Path::new(""));
        for Link { target: link, .. } in links(&text) {
            let target = normal(&folder.join(link));
            if !root().join(&target).exists() {
                broken.push(format!("{document}: {link}"));
            }
            linked.insert(target);
        }
    }
    ensure!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    let is_lost = |document: &&String| {
        let path = Path::new(document.as_str());
        let is_listed = LISTED.iter().any(|folder| path.starts_with(folder));
        path.starts_with("docs") && !is_listed && !linked.contains(path)
    };
    let lost: Vec<_> = documents.iter().filter(is_lost).cloned().collect();
    ensure!(
        lost.is_empty(),
        "pages without a link from another document: {}",
        lost.join(", ")
    );
    println!("{} links in {} documents", linked.len(), documents.len());
    Ok(())
}

/// A link of a document.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gates) struct Link<'a> {
    /// The link as written, with brackets and anchor.
    pub(in crate::gates) whole: &'a str,
    /// The text in the brackets.
    pub(in crate::gates) words: &'a str,
    /// The path, without the anchor.
    pub(in crate::gates) target: &'a str,
}

/// The relative links, outside code.
pub(in crate::gates) fn links(text: &str) -> Vec<Link<'_>> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code {
            continue;
        }
        for (middle, _) in line.match_indices("](") {
            let (before, rest) = line.split_at(middle);
            let rest = rest.get(2..).unwrap_or_default();
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let start = before.rfind('[').unwrap_or(middle);
            let end = rest.find(')').map_or(line.len(), |end| middle + end + 3);
            found.push(Link {
                whole: line.get(start..end).unwrap_or_default(),
                words: line.get(start + 1..middle).unwrap_or_default(),
                target,
            });
        }
    }
    found
}

/// Returns the path without `.` and `..`.
pub(in crate::gates) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Link, links, normal};

    #[test]
    fn relative_links_are_found() {
        let text = "[a](b.md#c) and ![d](e/f.png)\n```sh\n[g](h.md)\n```\n[i](https://j) [k](#l)";
        let link = |whole, words, target| Link {
            whole,
            words,
            target,
        };
        let expected = [
            link("[a](b.md#c)", "a", "b.md"),
            link("[d](e/f.png)", "d", "e/f.png"),
        ];
        assert_eq!(links(text), expected);
    }

    #[test]
    fn parent_folders_are_resolved() {
        assert_eq!(
            normal(Path::new("docs/../k8s/./a.md")),
            Path::new("k8s/a.md")
        );
    }
}
