//! `cargo xtask check`: what a compiler and linters see without running anything.

use std::process::Command;

use anyhow::Result;
use devservices::Program;

use crate::build::COMPONENTS;
use crate::cargo::{WASM, cargo, check, ensure_wasm_target};
use crate::servers::install_missing;
use crate::workspace::{root, step};

/// Checks the format and the lints of all code, native and for the components' target, and of the
/// shell scripts.
#[derive(clap::Args)]
pub struct Arguments {}

/// Every shell script but those that tests play programs with.
const SCRIPTS: [&str; 3] = [".ci/run", "scripts", "k8s"];

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    step("rustfmt");
    check(cargo().args(["fmt", "--all", "--check"]))?;
    step("clippy, native");
    let warnings = ["--", "--deny", "warnings"];
    check(
        cargo()
            .args(["clippy", "--workspace", "--all-targets", "--locked"])
            .args(warnings),
    )?;
    step("clippy, components");
    ensure_wasm_target()?;
    let mut components = cargo();
    components.args(["clippy", "--release", "--locked", "--target", WASM]);
    for name in COMPONENTS.into_iter().chain(["strictness-guest"]) {
        components.args(["--package", name]);
    }
    check(components.args(warnings))?;
    step("shellcheck");
    install_missing(&[Program::ShellCheck])?;
    check(
        Command::new("shellcheck")
            .args(["--external-sources", "--source-path=SCRIPTDIR"])
            .args(scripts()?)
            .current_dir(root()),
    )
}

/// The files under [`SCRIPTS`] that git knows and that begin like a shell script.
fn scripts() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--"])
        .args(SCRIPTS)
        .current_dir(root())
        .output()?;
    let files = String::from_utf8(output.stdout)?;
    let is_script = |file: &&str| *file == ".ci/run" || file.ends_with(".sh");
    Ok(files.lines().filter(is_script).map(str::to_owned).collect())
}
