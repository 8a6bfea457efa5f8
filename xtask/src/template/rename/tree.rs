//! The tracked files of a project: conflicts with a new name, and the changes of a rename.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use proc_macro2::{TokenStream, TokenTree};

use super::names::Spelling;
use super::rules::Renaming;

/// Parts of the tree that name hosts, addresses, repositories and teams, and their placeholders.
const DEPLOYMENT: [&str; 4] = [".github/", "Jenkinsfile", "SECURITY.md", "k8s/"];
const PLACEHOLDERS: [&str; 4] = [
    "@example/",
    "example.com",
    "github.com/example/",
    "github[.]com/example/",
];

/// Text files of a working tree.
pub struct Tree {
    root: PathBuf,
    /// Texts by path from the root.
    files: BTreeMap<String, String>,
}

/// Changes of a file.
pub struct Change {
    pub path: String,
    pub new_path: String,
    pub text: String,
    pub occurrences: usize,
}

impl Tree {
    /// Reads the files that git tracks.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let listed = git(root, &["ls-files", "-z"])?;
        for path in listed.split_terminator('\0') {
            let file = root.join(path);
            if !file.exists() {
                continue;
            }
            let bytes = fs::read(&file).with_context(|| format!("cannot read {path}"))?;
            // Pictures are not text.
            if let Ok(text) = String::from_utf8(bytes) {
                files.insert(path.to_owned(), text);
            }
        }
        Ok(Self {
            root: root.to_owned(),
            files,
        })
    }

    /// Returns true if git has nothing to commit.
    pub fn is_clean(&self) -> Result<bool> {
        Ok(git(&self.root, &["status", "--porcelain"])?.is_empty())
    }

    /// Returns the paths and the texts.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns every file that `renaming` changes.
    pub fn changes(&self, renaming: &Renaming) -> Vec<Change> {
        let changes = self.files.iter().map(|(path, text)| {
            let (new_path, _) = renaming.apply(path, path);
            let (text, occurrences) = renaming.apply(path, text);
            Change {
                path: path.clone(),
                new_path,
                text,
                occurrences,
            }
        });
        changes
            .filter(|change| change.occurrences > 0 || change.path != change.new_path)
            .collect()
    }

    /// Returns names that would be ambiguous after `renaming`, with their files.
    pub fn conflicts(&self, renaming: &Renaming) -> BTreeSet<String> {
        let name = renaming.new_name();
        let mut conflicts = BTreeSet::new();
        for path in self.files.keys() {
            let mut parts = path.split('/');
            if parts.any(|part| part.split('.').next() == Some(name.as_str())) {
                conflicts.insert(format!("{path} has this name"));
            }
        }
        let added = self.added_words(renaming);
        let spellings = Spelling::ALL.map(|spelling| name.spelled(spelling));
        for (path, text) in self.texts() {
            let found = words(text).filter(|word| added.contains(*word));
            conflicts.extend(found.map(|word| format!("{path} contains {word}")));
            if path.ends_with(".rs") {
                let identifiers = identifiers(text);
                let found = spellings.iter().filter(|name| identifiers.contains(*name));
                conflicts.extend(found.map(|name| format!("{path} has the identifier {name}")));
            }
        }
        conflicts
    }

    /// Words that `renaming` adds to files, except the name itself: of packages, variables and the like.
    fn added_words(&self, renaming: &Renaming) -> BTreeSet<String> {
        let mut added = BTreeSet::new();
        for change in self.changes(renaming) {
            let before: BTreeSet<_> = self
                .files
                .get(&change.path)
                .into_iter()
                .flat_map(|text| words(text))
                .collect();
            let new = words(&change.text).filter(|word| !before.contains(word));
            added.extend(new.map(str::to_owned));
        }
        for spelling in Spelling::ALL {
            added.remove(&renaming.new_name().spelled(spelling));
        }
        added
    }

    /// Returns the paths of files that contain `word`.
    pub fn files_with_word(&self, word: &str) -> Vec<&str> {
        self.paths(|_, text| words(text).any(|found| found == word))
    }

    /// Returns the paths of files with placeholders that a deployment replaces.
    pub fn files_with_placeholders(&self) -> Vec<&str> {
        self.paths(|path, text| {
            DEPLOYMENT.iter().any(|start| path.starts_with(start))
                && PLACEHOLDERS
                    .iter()
                    .any(|placeholder| text.contains(placeholder))
        })
    }

    fn paths(&self, is_wanted: impl Fn(&str, &str) -> bool) -> Vec<&str> {
        let wanted = self.texts().filter(|(path, text)| is_wanted(path, text));
        wanted.map(|(path, _)| path).collect()
    }

    /// Writes the changes to the working tree.
    pub fn write(&self, changes: &[Change]) -> Result<()> {
        for change in changes {
            let (from, to) = (
                self.root.join(&change.path),
                self.root.join(&change.new_path),
            );
            // Written in place first: the file keeps its permissions.
            fs::write(&from, &change.text)
                .with_context(|| format!("cannot write {}", change.path))?;
            if from != to {
                let folder = to.parent().context("the path has no parent folder")?;
                fs::create_dir_all(folder)?;
                fs::rename(&from, &to).with_context(|| format!("cannot rename {}", change.path))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5} {}", self.occurrences, self.path)?;
        match self.path == self.new_path {
            true => Ok(()),
            false => write!(f, " -> {}", self.new_path),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// Returns the identifiers of Rust code, without those in comments and strings; none for a template that is no Rust yet.
fn identifiers(code: &str) -> BTreeSet<String> {
    let mut identifiers = BTreeSet::new();
    let mut streams: Vec<TokenStream> = code.parse().into_iter().collect();
    while let Some(stream) = streams.pop() {
        for token in stream {
            match token {
                TokenTree::Ident(identifier) => {
                    identifiers.insert(identifier.to_string());
                }
                TokenTree::Group(group) => streams.push(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    identifiers
}

/// Returns true for characters of names, of which some contain hyphens.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}
