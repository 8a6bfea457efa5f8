//! `cargo xtask sbom`: the artifact's software bill of materials.

use std::fs;

use anyhow::{Context, Result};

use crate::tools::cargo::output_of;
use crate::tools::workspace::{reports_dir, step};

/// Lists everything compiled into the components in target/reports/sbom.cdx.json, in CycloneDX's
/// format.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    let bill = output_of(&["--locked", "--bin", "sbom"])
        .context("cannot generate the bill of materials")?;
    let file = reports_dir()?.join("sbom.cdx.json");
    fs::write(&file, &bill).with_context(|| format!("cannot write {}", file.display()))?;
    step(&format!("wrote {}", file.display()));
    Ok(())
}
