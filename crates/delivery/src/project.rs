//! Files that manifests have to match: spin.toml, the example of the secrets, the migrations, the
//! description of the deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::application::Application;
use crate::kustomize::{self, OVERLAYS};
use crate::object::{Object, labels, members};

#[derive(Debug, Clone)]
pub struct Project {
    pub root: PathBuf,
    pub application: Application,
    /// k8s/base/secret.example.yaml, which no environment includes.
    pub example: Value,
    /// k8s/README.md.
    pub description: String,
    /// docs/runbook.md.
    pub runbook: String,
    /// Rendered objects of k8s/deployer, by overlay.
    pub deployers: BTreeMap<String, Vec<Object>>,
    /// Names of the SQL files in migrations/, in order.
    pub migrations: BTreeSet<String>,
    /// Kustomizations under k8s/, by path.
    pub kustomizations: BTreeMap<String, String>,
    /// Names of the metrics that the app exports, without histogram suffixes.
    pub metrics: BTreeSet<String>,
}

impl Project {
    pub fn read(root: &Path) -> Result<Self> {
        let text = |path: &str| {
            fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
        };
        let mut kustomizations = BTreeMap::new();
        for path in files(&root.join("k8s"))? {
            if path.ends_with("kustomization.yaml") {
                let name = path.strip_prefix(root)?.display().to_string();
                kustomizations.insert(name, fs::read_to_string(&path)?);
            }
        }
        let migrations = files(&root.join("migrations"))?.into_iter();
        let names = migrations.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let sources = [
            "crates/web/src/metrics/prometheus.rs",
            "crates/accounts/src/metrics.rs",
        ];
        let sources = sources.map(text).into_iter().collect::<Result<Vec<_>>>()?;
        let deployers = OVERLAYS.iter().map(|overlay| {
            let folder = root.join("k8s/deployer").join(overlay);
            Ok(((*overlay).to_owned(), kustomize::render(&folder)?))
        });
        let deployers = deployers.collect::<Result<_>>()?;
        Ok(Self {
            root: root.to_owned(),
            application: Application::parse(&text("spin.toml")?)?,
            example: serde_yaml_ng::from_str(&text("k8s/base/secret.example.yaml")?)?,
            description: text("k8s/README.md")?,
            runbook: text("docs/runbook.md")?,
            deployers,
            migrations: names.filter(|name| name.ends_with(".sql")).collect(),
            kustomizations,
            metrics: sources
                .iter()
                .flat_map(|source| metrics(source))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Returns the keys of the Secret that every environment needs.
    pub fn secret_keys(&self) -> BTreeSet<String> {
        labels(&self.example["stringData"]).into_keys().collect()
    }

    pub fn secret_name(&self) -> &str {
        let name = members(&self.example["metadata"]).find(|(key, _)| *key == "name");
        name.and_then(|(_, name)| name.as_str()).unwrap_or_default()
    }
}

/// Returns the string literals before the tests that are names of metrics.
fn metrics(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    code.split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| {
            ["http_", "roster_"]
                .iter()
                .any(|start| text.starts_with(start))
        })
        .filter(move |text| text.chars().all(is_part))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        match path.is_dir() {
            true => found.extend(files(&path)?),
            false => found.push(path),
        }
    }
    Ok(found)
}
