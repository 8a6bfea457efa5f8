//! `cargo xtask ci`: every quality gate, in the order in which they are likely to fail.

use anyhow::Result;

use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::step;

/// Runs every gate that the pipelines run: check, test, coverage, reproducible, sbom and audit, and
/// leaves their reports in target/reports.
#[derive(clap::Args)]
pub struct Arguments {}

/// The commands. `.ci/run` and the pipelines call the same ones; a test compares.
const GATES: [&[&str]; 6] = [
    &["check"],
    &["test"],
    &["coverage"],
    &["reproducible"],
    &["sbom"],
    &["audit", "--offline"],
];

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    for gate in GATES {
        step(&format!("cargo xtask {}", gate.join(" ")));
        check(cargo().arg("xtask").args(gate))?;
    }
    Ok(())
}
