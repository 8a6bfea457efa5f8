//! Changed and new files of a checkout, in memory until all of them are complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Files by their path from the root.
#[derive(Debug)]
pub struct Draft {
    root: PathBuf,
    files: BTreeMap<String, String>,
}

impl Draft {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the text of a file, with the changes so far.
    pub fn read(&self, path: &str) -> Result<String> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None => fs::read_to_string(self.root.join(path))
                .with_context(|| format!("cannot read {path}")),
        }
    }

    /// Adds a file.
    pub fn create(&mut self, path: &str, text: String) -> Result<()> {
        ensure!(!self.root.join(path).exists(), "{path} already exists");
        self.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// Changes a file.
    pub fn edit(&mut self, path: &str, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
        let changed = change(&self.read(path)?);
        let changed = changed.with_context(|| format!("cannot edit {path}"))?;
        self.files.insert(path.to_owned(), changed);
        Ok(())
    }

    /// Adds a text at the end of a file.
    pub fn append(&mut self, path: &str, text: &str) -> Result<()> {
        self.edit(path, |old| Ok(old.to_owned() + text))
    }

    /// Writes all files, and returns their paths.
    pub fn write(self) -> Result<Vec<String>> {
        for (path, text) in &self.files {
            let path = self.root.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(self.files.into_keys().collect())
    }
}
