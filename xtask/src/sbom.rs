//! `cargo xtask sbom`: the artifact's software bill of materials.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::cargo::cargo;
use crate::workspace::{reports_dir, step};

/// Writes what is compiled into the components to target/reports/sbom.cdx.json, in CycloneDX's format.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    let output = cargo()
        .args([
            "run",
            "--quiet",
            "--locked",
            "--package",
            "delivery",
            "--bin",
            "sbom",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the bill of materials cannot be made: {}", output.status);
    }
    let file = reports_dir()?.join("sbom.cdx.json");
    fs::write(&file, &output.stdout).with_context(|| format!("cannot write {}", file.display()))?;
    step(&format!("wrote {}", file.display()));
    Ok(())
}
