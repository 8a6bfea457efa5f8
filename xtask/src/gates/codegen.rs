//! `cargo xtask codegen`: writes the files that are derived from the code.
//!
//! `cargo xtask check` compares them, so that a forgotten call fails there.

pub(crate) mod migrations;
mod modules;
pub(crate) mod spin_apps;
pub(crate) mod variables;

use std::fs;

use anyhow::{Context, Result, ensure};
use settings::Component;

use crate::tools::workspace::root;

/// Writes what is derived from the code: docs/modules.md, the variables in spin.toml and k8s/base/apps,
/// .env.example, the table in docs/configuration.md, and the migrations in migrations/kustomization.yaml and
/// k8s/base/migrate/job.yaml.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    for (path, text) in files()? {
        fs::write(root().join(&path), text)?;
        println!("{path}");
    }
    Ok(())
}

/// Fails when a file differs from the code.
pub(super) fn check() -> Result<()> {
    for (path, text) in files()? {
        let current = fs::read_to_string(root().join(&path)).unwrap_or_default();
        ensure!(
            current == text,
            "{path} differs from the code; run `cargo xtask codegen`"
        );
    }
    Ok(())
}

/// Path and text of each file.
fn files() -> Result<Vec<(String, String)>> {
    let read = |path: &str| fs::read_to_string(root().join(path)).with_context(|| path.to_owned());
    let (manifest, page) = ("spin.toml", "docs/configuration.md");
    let (list, job) = ("migrations/kustomization.yaml", "k8s/base/migrate/job.yaml");
    let names = migrations::names(root())?;
    let files = [
        ("docs/modules.md", modules::text()?),
        (manifest, variables::manifest(&read(manifest)?)?),
        (page, variables::page(&read(page)?)?),
        (".env.example", variables::example()),
        (list, migrations::kustomization(&read(list)?, &names)?),
        (job, migrations::job(&read(job)?, &names)?),
    ];
    let mut files = Vec::from(files.map(|(path, text)| (path.to_owned(), text)));
    for component in Component::ALL {
        let path = format!("k8s/base/apps/{}.yaml", component.name());
        let text = spin_apps::of(&read(&path)?, component).with_context(|| path.clone())?;
        files.push((path, text));
    }
    Ok(files)
}
