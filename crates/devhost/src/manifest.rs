//! The manifest, `spin.toml` in version 2. Keys that this host does not support are rejected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// A whole manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    spin_manifest_version: u32,
    /// The application's name and version.
    pub application: Application,
    /// Application variables by name.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    trigger: BTreeMap<String, Vec<HttpTrigger>>,
    /// Components by id.
    #[serde(default, rename = "component")]
    pub components: BTreeMap<String, Component>,
    /// Folder of the manifest: relative paths in it start here.
    #[serde(skip)]
    pub root: PathBuf,
}

/// The `[application]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Shown by `/.well-known/spin/info`.
    pub name: String,
    /// Shown by `/.well-known/spin/info` when given.
    pub version: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "authors")]
    _authors: Vec<String>,
}

/// One entry of `[variables]`: it is either required or has a default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    #[serde(default)]
    required: bool,
    /// Value if no other source gives one.
    pub default: Option<String>,
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(rename = "description")]
    _description: Option<String>,
}

/// One `[[trigger.http]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// The route's pattern.
    pub route: String,
    /// The id of the component that responds.
    pub component: Option<String>,
    /// Response that the host gives itself instead.
    pub static_response: Option<StaticResponse>,
    #[serde(rename = "id")]
    _id: Option<String>,
}

/// A response without a component.
#[derive(Clone, Debug, Deserialize)]
pub struct StaticResponse {
    /// Default: 200.
    pub status_code: Option<u16>,
    /// Header names and values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Default: empty.
    pub body: Option<String>,
}

/// One `[component.<id>]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The `.wasm` file, relative to the manifest.
    pub source: PathBuf,
    /// Hosts that the component may connect to, as templates.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Variables that the component may read, as templates.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Environment variables of the component.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Build of the `.wasm` file.
    pub build: Option<Build>,
    #[serde(rename = "description")]
    _description: Option<String>,
}

/// One `[component.<id>.build]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The command, shown if the file is missing.
    pub command: String,
    #[serde(rename = "workdir")]
    _workdir: Option<String>,
    #[serde(default, rename = "watch")]
    _watch: Vec<String>,
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not a manifest in version 2, or uses an
    /// unsupported key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the manifest {}", path.display()))?;
        let mut manifest =
            Self::parse(&text).with_context(|| format!("in the manifest {}", path.display()))?;
        manifest.root = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(manifest)
    }

    fn parse(text: &str) -> Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        let version = manifest.spin_manifest_version;
        ensure!(version == 2, "spin_manifest_version is {version}, not 2");
        for (name, variable) in &manifest.variables {
            ensure!(
                variable.required != variable.default.is_some(),
                "variable `{name}` must either be `required` or have a `default`"
            );
        }
        if let Some(kind) = manifest.trigger.keys().find(|kind| *kind != "http") {
            bail!("trigger `{kind}` is not supported: this host supports `http`");
        }
        for trigger in manifest.triggers() {
            manifest.check_trigger(trigger)?;
        }
        Ok(manifest)
    }

    /// The HTTP triggers in the order of the file.
    pub fn triggers(&self) -> impl Iterator<Item = &HttpTrigger> {
        self.trigger.values().flatten()
    }

    fn check_trigger(&self, trigger: &HttpTrigger) -> Result<()> {
        let route = &trigger.route;
        match (&trigger.component, &trigger.static_response) {
            (None, None) => bail!("route `{route}` has neither component nor static_response"),
            (Some(_), Some(_)) => bail!("route `{route}` has both component and static_response"),
            (Some(id), None) => ensure!(
                self.components.contains_key(id),
                "route `{route}` refers to component `{id}`, which is not declared"
            ),
            (None, Some(_)) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = 'a'\n";

    fn refused(rest: &str) -> String {
        format!(
            "{:#}",
            Manifest::parse(&format!("{HEAD}{rest}")).unwrap_err()
        )
    }

    #[test]
    fn a_variable_is_required_or_has_a_default() {
        let both = refused("[variables]\nx = { required = true, default = 'y' }\n[trigger]\n");
        assert!(both.contains("`x`"), "{both}");
        let neither = refused("[variables]\nx = { secret = true }\n[trigger]\n");
        assert!(neither.contains("`x`"), "{neither}");
    }

    #[test]
    fn a_trigger_has_one_destination() {
        let none = refused("[[trigger.http]]\nroute = '/x'\n");
        assert!(none.contains("neither"), "{none}");
        let unknown = refused("[[trigger.http]]\nroute = '/x'\ncomponent = 'c'\n");
        assert!(unknown.contains("`c`"), "{unknown}");
        let field = refused("[[trigger.http]]\nroute = '/x'\nmethod = 'GET'\n");
        assert!(field.contains("method"), "{field}");
    }

    #[test]
    fn the_manifest_of_the_project_is_accepted() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spin.toml");
        let manifest = Manifest::read(&path).unwrap();
        assert_eq!(manifest.application.name, "roster");
    }
}
