//! `cargo xtask book`: the pages of docs/ as a book of HTML.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::check::links::{links, normal};
use super::check::tracked;
use crate::tools::cargo_tools::{CargoTool, source_of};
use crate::tools::workspace::{root, step, target_dir};

/// Builds docs/ with mdBook into target/book. Fails on warnings, and on a page that docs/SUMMARY.md lacks.
#[derive(clap::Args)]
pub struct Arguments {}

/// Without its server and its watcher, and not optimised: that halves the time of its build, and the book takes a
/// second.
const MDBOOK: CargoTool = CargoTool {
    name: "mdbook",
    version: "0.5.4",
    options: &["--debug", "--no-default-features", "--features", "search"],
};
/// Contains Mermaid's script, which draws the diagrams in the browser, so that no copy of it is in the repository.
/// The program itself is not used: as a preprocessor it warns about each version of mdBook that is not its own.
const MERMAID: (&str, &str) = ("mdbook-mermaid", "0.17.1");
/// Folder of the script in that crate.
const ASSETS: &str = "src/bin/assets";

const DOCS: &str = "docs";
const SUMMARY: &str = "docs/SUMMARY.md";
/// Scripts, in the order in which pages load them.
const SCRIPTS: [&str; 2] = ["mermaid.min.js", "mermaid-init.js"];

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    let files = tracked(&[DOCS])?;
    let summary = fs::read_to_string(root().join(SUMMARY))
        .with_context(|| format!("cannot read {SUMMARY}"))?;
    let missing = missing(&summary, &files);
    ensure!(
        missing.is_empty(),
        "pages missing from {SUMMARY}: {}",
        missing.join(", ")
    );
    let mdbook = MDBOOK.provide()?;
    let source = target_dir().join("book-source");
    add_scripts(&source)?;
    copy(&files, &source)?;
    let book = target_dir().join("book");
    build(&mdbook, &source, &book)?;
    step(&format!("wrote {}", book.join("index.html").display()));
    Ok(())
}

/// The pages among `files` without a link in the summary.
fn missing(summary: &str, files: &[String]) -> Vec<String> {
    let linked: BTreeSet<_> = links(summary)
        .into_iter()
        .map(|link| normal(&Path::new(DOCS).join(link.target)))
        .collect();
    let is_missing = |file: &&String| {
        file.ends_with(".md") && *file != SUMMARY && !linked.contains(Path::new(file))
    };
    files.iter().filter(is_missing).cloned().collect()
}

/// Creates `folder` with the scripts.
fn add_scripts(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let (name, version) = MERMAID;
    let assets = source_of(name, version)?.join(ASSETS);
    for script in SCRIPTS {
        let from = assets.join(script);
        fs::copy(&from, folder.join(script))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}

/// Copies the files of docs/ to `folder`.
fn copy(files: &[String], folder: &Path) -> Result<()> {
    for file in files {
        let from = root().join(file);
        let to = folder.join(Path::new(file).strip_prefix(DOCS)?);
        fs::create_dir_all(to.parent().unwrap_or(folder))?;
        if file.ends_with(".md") {
            let text = fs::read_to_string(from)?;
            fs::write(to, with_diagrams(&without_outer_links(file, &text)))?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// Replaces links to files outside of docs/, which the book lacks, by their texts and paths.
fn without_outer_links(page: &str, text: &str) -> String {
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    let mut inner = text.to_owned();
    for link in links(text) {
        let path = normal(&folder.join(link.target));
        if !path.starts_with(DOCS) {
            let words = link.words.trim_matches('`');
            let path = path.display().to_string();
            let plain = match path.ends_with(words) {
                true => format!("`{path}`"),
                false => format!("{} (`{path}`)", link.words),
            };
            inner = inner.replace(link.whole, &plain);
        }
    }
    inner
}

/// Replaces Mermaid blocks by elements that the script draws.
fn with_diagrams(text: &str) -> String {
    let mut page = String::new();
    let mut is_diagram = false;
    for line in text.lines() {
        match line {
            "```mermaid" => {
                is_diagram = true;
                page.push_str("<pre class=\"mermaid\">");
            }
            "```" if is_diagram => {
                is_diagram = false;
                page.push_str("</pre>");
            }
            _ if is_diagram => {
                let line = line.replace('&', "&amp;").replace('<', "&lt;");
                page.push_str(&line.replace('>', "&gt;"));
            }
            _ => page.push_str(line),
        }
        page.push('\n');
    }
    page
}

/// Builds the book. A line of mdBook's log above the level of information is an error.
fn build(mdbook: &Path, source: &Path, book: &Path) -> Result<()> {
    let output = Command::new(mdbook)
        .arg("build")
        .arg(source)
        .arg("--dest-dir")
        .arg(book)
        .env(
            "MDBOOK_OUTPUT__HTML__ADDITIONAL_JS",
            serde_json::to_string(&SCRIPTS)?,
        )
        .env_remove("MDBOOK_LOG")
        .env_remove("RUST_LOG")
        .output()
        .context("cannot run mdbook")?;
    let log = String::from_utf8_lossy(&output.stderr);
    eprint!("{log}");
    ensure!(output.status.success(), "mdbook failed: {}", output.status);
    let warnings = warnings(&log);
    ensure!(
        warnings.is_empty(),
        "mdbook printed warnings:\n{}",
        warnings.join("\n")
    );
    Ok(())
}

/// Returns the lines of a log that begin with a level above information.
fn warnings(log: &str) -> Vec<&str> {
    let is_warning = |line: &&str| {
        let level = line.split_whitespace().next().unwrap_or_default();
        let level = level.trim_matches(['[', ']', ':']).to_lowercase();
        ["warn", "warning", "error"].contains(&level.as_str())
    };
    log.lines().filter(is_warning).collect()
}

#[cfg(test)]
mod tests {
    use super::{missing, warnings, with_diagrams, without_outer_links};

    #[test]
    fn pages_without_a_link_in_the_summary_are_missing() {
        let files = [
            "docs/SUMMARY.md",
            "docs/a.md",
            "docs/b/c.md",
            "docs/d.md",
            "docs/book.toml",
        ];
        let files = files.map(str::to_owned);
        let summary = "# Summary\n- [A](a.md)\n  - [C](b/c.md)\n";
        assert_eq!(missing(summary, &files), ["docs/d.md"]);
    }

    #[test]
    fn links_out_of_the_book_become_text() {
        let text = "[B](b.md#x) [k8s](../k8s/README.md#y) [README.md](../README.md)\n```\n[C](../c.md)\n```\n";
        assert_eq!(
            without_outer_links("docs/a.md", text),
            "[B](b.md#x) k8s (`k8s/README.md`) `README.md`\n```\n[C](../c.md)\n```\n"
        );
        let nested = "[A](../a.md) [bench](../../bench/report.md)";
        assert_eq!(
            without_outer_links("docs/b/c.md", nested),
            "[A](../a.md) bench (`bench/report.md`)"
        );
    }

    #[test]
    fn diagrams_are_escaped_and_other_code_is_not() {
        let text = "```mermaid\na & b\n\nc --> d[e<br/>f]\n```\n```sh\na && b\n```\n";
        assert_eq!(
            with_diagrams(text),
            "<pre class=\"mermaid\">\na &amp; b\n\nc --&gt; d[e&lt;br/&gt;f]\n</pre>\n```sh\na && b\n```\n"
        );
    }

    #[test]
    fn warnings_are_found_by_their_level() {
        let log = " INFO A warning\n WARN a\n[ERROR] b\nWarning: c\n";
        assert_eq!(warnings(log), [" WARN a", "[ERROR] b", "Warning: c"]);
    }
}
