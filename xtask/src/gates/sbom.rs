//! `cargo xtask sbom`: the software bills of materials of the artifact and of `roster-admin`.

use std::fs;

use anyhow::{Context, Result};

use crate::tools::cargo::output_of;
use crate::tools::workspace::{reports_dir, step};

/// Lists everything compiled into the components in target/reports/sbom.cdx.json, and into
/// `roster-admin` in roster-admin.cdx.json, in CycloneDX's format.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    for (name, program) in [("sbom", None), ("roster-admin", Some("roster-admin"))] {
        let mut arguments = vec!["--locked", "--bin", "sbom", "--"];
        arguments.extend(program);
        let bill = output_of(&arguments).context("cannot generate the bill of materials")?;
        let file = reports_dir()?.join(format!("{name}.cdx.json"));
        fs::write(&file, &bill).with_context(|| format!("cannot write {}", file.display()))?;
        step(&format!("wrote {}", file.display()));
    }
    Ok(())
}
