//! `cargo xtask audit`: checks the dependencies.

use std::process::Command;

use anyhow::Result;

use crate::tools::cargo::check;
use crate::tools::cargo_tools::CargoTool;
use crate::tools::workspace::{root, step};

/// Checks the dependencies against deny.toml (licences, sources, bans) and against the advisories of
/// RustSec.
#[derive(clap::Args)]
pub struct Arguments {
    /// Skips the advisories, which are on GitHub, on a machine that cannot reach it.
    #[arg(long)]
    offline: bool,
}

const DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
    options: &[],
};
const AUDIT: CargoTool = CargoTool {
    name: "cargo-audit",
    version: "0.22.2",
    options: &[],
};

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let deny = DENY.provide()?;
    let mut rules = Command::new(&deny);
    rules.args(["--locked", "check", "bans", "licenses", "sources"]);
    check(rules.current_dir(root()))?;
    if arguments.offline {
        step("advisories were not checked: --offline");
        return Ok(());
    }
    let mut advisories = Command::new(deny);
    advisories.args(["--locked", "check", "advisories"]);
    check(advisories.current_dir(root()))?;
    let mut audit = Command::new(AUDIT.provide()?);
    check(
        audit
            .args(["audit", "--deny", "warnings"])
            .current_dir(root()),
    )
}
