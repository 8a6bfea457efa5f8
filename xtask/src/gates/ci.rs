//! `cargo xtask ci`: every quality gate, in the order in which they are likely to fail.

use anyhow::Result;

use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::step;

/// Runs every gate that the pipelines run: check, book, test, coverage, reproducible, sbom and audit, and
/// leaves their reports in target/reports.
#[derive(clap::Args)]
pub struct Arguments {}

/// The commands. `.ci/run` and the pipelines call the same ones; tests compare.
const GATES: [&[&str]; 7] = [
    &["check"],
    &["book"],
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

#[cfg(test)]
mod tests {
    use super::GATES;

    #[test]
    fn the_script_of_ci_runs_the_same_gates() {
        let script = include_str!("../../../.ci/run");
        let calls = script
            .lines()
            .filter_map(|line| line.strip_prefix("cargo xtask "));
        let calls: Vec<_> = calls
            .map(|call| call.trim_end_matches(" </dev/null"))
            .collect();
        assert_eq!(calls, GATES.map(|gate| gate.join(" ")));
    }
}
