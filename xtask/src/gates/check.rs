//! `cargo xtask check`: formatting, lints and documents, without running anything.

mod commands;
pub(super) mod links;
mod prose;
mod shell;
mod words;

use std::process::Command;

use anyhow::Result;
use devservices::Program;

use super::codegen;
use crate::dev::servers::install_missing;
use crate::tools::build::{COMPONENTS, GUEST};
use crate::tools::cargo::{WASM, cargo, check, ensure_wasm_target};
use crate::tools::workspace::{root, step, target_dir};

/// Checks the format and the lints of all code, native and for the components' target, and of the
/// shell scripts; the links of its documentation; the fuzz targets must compile.
#[derive(clap::Args)]
pub struct Arguments {}

/// Shell scripts, except those with which tests stand in for programs.
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
    for name in COMPONENTS.into_iter().chain([GUEST]) {
        components.args(["--package", name]);
    }
    check(components.args(warnings))?;
    step("rustdoc");
    check(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .arg("--document-private-items")
            .env(
                "RUSTDOCFLAGS",
                "--deny warnings --allow rustdoc::private_intra_doc_links",
            ),
    )?;
    step("fuzz targets");
    check_fuzz_targets()?;
    step("derived files");
    codegen::check()?;
    step("prose");
    prose::check()?;
    step("links");
    links::check()?;
    step("shell blocks and commands in documents");
    shell::check()?;
    commands::check()?;
    step("shellcheck");
    install_missing(&[Program::ShellCheck])?;
    check(
        Command::new("shellcheck")
            .args(["--external-sources", "--source-path=SCRIPTDIR"])
            .args(scripts()?)
            .current_dir(root()),
    )
}

/// Checks that the fuzz targets, which are outside of the workspace, are formatted and compile.
fn check_fuzz_targets() -> Result<()> {
    let manifest = root().join("fuzz/Cargo.toml");
    let run = |arguments: &[&str]| {
        let mut command = cargo();
        command
            .args(arguments)
            .arg("--manifest-path")
            .arg(&manifest);
        // Any path, since nothing is linked: otherwise the fuzzer is built, which takes a C++ compiler.
        command.env("CUSTOM_LIBFUZZER_PATH", &manifest);
        command.env("CARGO_TARGET_DIR", target_dir());
        check(&mut command)
    };
    run(&["fmt", "--check"])?;
    run(&["check", "--locked"])
}

/// Returns the files under [`SCRIPTS`] that git tracks and that start as a shell script does.
fn scripts() -> Result<Vec<String>> {
    let files = tracked(&SCRIPTS)?;
    let is_script = |file: &String| file == ".ci/run" || file.ends_with(".sh");
    Ok(files.into_iter().filter(is_script).collect())
}

/// The files that git tracks and that exist, by patterns or folders.
pub(super) fn tracked(patterns: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "--"])
        .args(patterns)
        .current_dir(root())
        .output()?;
    let files = String::from_utf8(output.stdout)?;
    let exists = |file: &&str| root().join(file).exists();
    Ok(files.lines().filter(exists).map(str::to_owned).collect())
}
