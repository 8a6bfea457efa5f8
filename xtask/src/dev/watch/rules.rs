//! Files that each component is made of: the `watch` globs of spin.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// The globs of each component that `xtask` builds.
pub struct Rules {
    globs: BTreeMap<String, GlobSet>,
    folders: BTreeSet<PathBuf>,
}

impl Rules {
    /// Reads the manifest at `path`.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot parse {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let manifest: toml::Table = text.parse()?;
        let components = manifest
            .get("component")
            .and_then(toml::Value::as_table)
            .context("the manifest has no components")?;
        let mut globs = BTreeMap::new();
        let mut folders = BTreeSet::new();
        for (name, component) in components {
            let watched = component.get("build").and_then(|build| build.get("watch"));
            let watched = watched
                .and_then(toml::Value::as_array)
                .into_iter()
                .flatten();
            let mut set = GlobSetBuilder::new();
            for glob in watched.filter_map(toml::Value::as_str) {
                // Same semantics as in Spin: only `**` crosses a folder.
                set.add(GlobBuilder::new(glob).literal_separator(true).build()?);
                folders.extend(top_folder(glob));
            }
            globs.insert(name.clone(), set.build()?);
        }
        Ok(Self { globs, folders })
    }

    /// Returns the components that a file, by its path from the manifest's folder, is part of.
    pub fn components(&self, file: &Path) -> impl Iterator<Item = String> {
        let matching = self
            .globs
            .iter()
            .filter(move |(_, globs)| globs.is_match(file));
        matching
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Returns the folders below the manifest's own that hold files of components.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }
}

/// First folder of a glob; `None` when the file is beside the manifest.
fn top_folder(glob: &str) -> Option<PathBuf> {
    glob.split_once('/').map(|(folder, _)| folder.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::build::COMPONENTS;
    use crate::tools::workspace::manifest;

    #[test]
    fn a_file_belongs_to_the_components_with_matching_globs() {
        let rules = Rules::read(&manifest()).unwrap();
        let all = &COMPONENTS[..];
        for (file, expected) in [
            ("components/users/src/routes.rs", &["users"][..]),
            ("components/users/src/routes/me.rs", &["users"]),
            ("components/auth/Cargo.toml", &["auth"]),
            ("components/docs/build.rs", &["docs"]),
            ("components/docs/src/pages/docs.css", &["docs"]),
            ("openapi/v1.json", &["docs"]),
            ("crates/web/src/app.rs", all),
            ("crates/web/src/gate/limits.rs", all),
            ("wit/worlds.wit", all),
            ("Cargo.lock", all),
            ("components/users/src/.routes.rs.swp", &[]),
            ("components/users/src/routes.rs~", &[]),
            ("crates/web/tests/x.rs", &[]),
            ("tests/tests/health.rs", &[]),
            ("README.md", &[]),
        ] {
            let found: BTreeSet<_> = rules.components(Path::new(file)).collect();
            let expected = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(found, expected, "{file}");
        }
    }

    #[test]
    fn every_built_component_is_watched() {
        let rules = Rules::read(&manifest()).unwrap();
        for name in COMPONENTS {
            let file = format!("components/{name}/src/lib.rs");
            assert!(
                rules
                    .components(Path::new(&file))
                    .any(|found| found == name),
                "{name}"
            );
        }
        let folders: Vec<_> = rules.folders().collect();
        let expected = ["components", "crates", "openapi", "wit"];
        assert_eq!(folders, expected.map(Path::new));
    }
}
