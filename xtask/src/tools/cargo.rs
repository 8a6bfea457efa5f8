//! Runs cargo and rustup.

use std::env;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools::workspace::root;

/// The target of the components.
pub const WASM: &str = "wasm32-wasip2";

/// Variables with which cargo describes the program that it runs.
const OF_THIS_PROGRAM: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"];

/// `cargo` that runs this program, in the project's folder.
pub fn cargo() -> Command {
    that_runs_cargo(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program that is cargo or runs it, in the project's folder. It gets the environment of a cargo that a
/// person starts: build scripts that read the variables of this program, such as ring's, would run again
/// after each change from one to the other, and everything that depends on them.
pub fn that_runs_cargo(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if OF_THIS_PROGRAM
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs a command to completion; its failure is an error.
pub fn check(command: &mut Command) -> Result<()> {
    let line = format!("{command:?}");
    let status = command
        .status()
        .with_context(|| format!("cannot run {line}"))?;
    if !status.success() {
        bail!("{line} failed: {status}");
    }
    Ok(())
}

/// Runs a program of the workspace, named by `selection`, and returns its output.
pub fn output_of(selection: &[&str]) -> Result<Vec<u8>> {
    let mut command = cargo();
    command.args(["run", "--quiet"]).args(selection);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", output.status);
    }
    Ok(output.stdout)
}

/// Adds the components' target to the toolchain if it is missing.
pub fn ensure_wasm_target() -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", WASM])
        .current_dir(root())
        .output()
        .context("cannot run rustc")?;
    let libdir = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && std::path::Path::new(libdir.trim()).is_dir() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", WASM]).current_dir(root());
    check(&mut rustup).with_context(|| format!("the Rust target {WASM} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_runs_cargo_gets_no_variable_of_this_one() {
        // Cargo sets them for tests, too.
        assert!(env::var_os("CARGO_PKG_NAME").is_some());
        for command in [cargo(), that_runs_cargo("cargo-nextest")] {
            for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
                let removed = command
                    .get_envs()
                    .any(|variable| variable == (OsStr::new(name), None));
                assert!(removed, "{name}");
            }
        }
    }
}
