//! Renders overlays with `kubectl kustomize`, unchanged and with optional components.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::environment::Environment;
use crate::object::Object;
use crate::project::Project;

pub const OVERLAYS: [&str; 3] = ["dev", "staging", "prod"];

/// Components that no overlay lists, but that one may add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optional {
    Shim,
    Ingress,
    Keda,
    Kyverno,
    Otlp,
    PrivateCa,
    RegistryLogin,
}

impl Optional {
    pub const ALL: [Self; 7] = [
        Self::Shim,
        Self::Ingress,
        Self::Keda,
        Self::Kyverno,
        Self::Otlp,
        Self::PrivateCa,
        Self::RegistryLogin,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Shim => "shim",
            Self::Ingress => "ingress",
            Self::Keda => "keda",
            Self::Kyverno => "kyverno",
            Self::Otlp => "otlp",
            Self::PrivateCa => "private-ca",
            Self::RegistryLogin => "registry-login",
        }
    }

    /// Returns the overlay's kustomization with the component added, as the component's own file requires.
    fn put_into(self, kustomization: &str) -> Result<String> {
        let mut value: Value = serde_yaml_ng::from_str(kustomization)?;
        let components = value["components"]
            .as_array_mut()
            .context("the kustomization lists no components")?;
        if self == Self::Ingress {
            components.retain(|path| path != "../../components/envoy-gateway");
        }
        components.push(json!(format!("../../components/{}", self.name())));
        Ok(serde_yaml_ng::to_string(&value)?)
    }
}

/// Returns the path of the program that renders: a kubectl with kustomize 5.
pub fn kubectl() -> Result<PathBuf> {
    let path = std::env::var_os("ROSTER_KUBECTL");
    let path = path.context("ROSTER_KUBECTL must be the path of a kubectl with kustomize 5")?;
    Ok(path.into())
}

/// Renders an unchanged overlay.
pub fn overlay(project: &Arc<Project>, overlay: &str) -> Result<Environment> {
    let folder = project.root.join("k8s/overlays").join(overlay);
    let objects = render(&folder).with_context(|| format!("{overlay} does not render"))?;
    let project = Arc::clone(project);
    Ok(Environment {
        name: overlay.to_owned(),
        objects,
        project,
    })
}

/// Renders an overlay with one more component, in a copy of the files.
pub fn with(project: &Arc<Project>, overlay: &str, component: Optional) -> Result<Environment> {
    let copy = tempfile::tempdir()?;
    for folder in ["k8s", "migrations"] {
        copy_folder(&project.root.join(folder), &copy.path().join(folder))?;
    }
    let folder = copy.path().join("k8s/overlays").join(overlay);
    let file = folder.join("kustomization.yaml");
    let name = format!("{overlay} with {}", component.name());
    let objects = component
        .put_into(&fs::read_to_string(&file)?)
        .and_then(|changed| Ok(fs::write(&file, changed)?))
        .and_then(|()| render(&folder))
        .with_context(|| format!("{name} does not render"))?;
    Ok(Environment {
        name,
        objects,
        project: Arc::clone(project),
    })
}

/// Returns the objects that a folder's kustomization renders.
pub fn render(folder: &Path) -> Result<Vec<Object>> {
    let kubectl = kubectl()?;
    let output = Command::new(&kubectl)
        .arg("kustomize")
        .arg(folder)
        .output()
        .with_context(|| format!("cannot run {}", kubectl.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout)?;
    serde_yaml_ng::Deserializer::from_str(&text)
        .map(|document| Ok(Object::new(Value::deserialize(document)?)))
        .collect()
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_folder(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(|_| ())?,
        }
    }
    Ok(())
}
