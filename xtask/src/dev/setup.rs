//! `cargo xtask setup`: installs the programs that the app and its tests need.

use anyhow::Result;
use devservices::Program;

use crate::dev::servers::install_missing;
use crate::tools::workspace::step;

/// Installs the programs that `up`, `test` and the other commands need and that this machine lacks, with its
/// package manager. Requires root; otherwise the error lists the packages. The commands install what they lack
/// by themselves.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    install_missing(&Program::ALL)?;
    step("every program is installed");
    Ok(())
}
