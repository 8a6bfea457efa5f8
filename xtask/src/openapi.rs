//! `cargo xtask openapi`: the API's document, as the code says it.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::workspace::{root, step};

/// Writes openapi/v1.json, which the docs component serves and the client is made of.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also make it what later documents are compared with: for a release.
    #[arg(long)]
    release: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    step("building the document");
    let output = cargo()
        .args(["run", "--quiet", "--package", "openapi"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the document cannot be made: {}", output.status);
    }
    let mut names = vec!["v1.json"];
    if arguments.release {
        names.push("released.json");
    }
    for name in names {
        let path = root().join("openapi").join(name);
        fs::write(&path, &output.stdout)
            .with_context(|| format!("cannot write {}", path.display()))?;
        step(&format!("wrote {}", path.display()));
    }
    Ok(())
}
