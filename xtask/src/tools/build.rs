//! `cargo xtask build`: builds the components.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use settings::Component;

use crate::tools::cargo::{WASM, cargo, check, ensure_wasm_target};
use crate::tools::workspace::{root, step, target_dir};

/// Every component, by package.
pub const COMPONENTS: [&str; Component::ALL.len()] = Component::NAMES;

/// Component of the host's tests, by package.
pub const GUEST: &str = "strictness-guest";

/// Builds the components for wasm32-wasip2 and prints their sizes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Components to build [default: all].
    components: Vec<String>,
    /// Checkout to build [default: this one]; both share cargo's target folder, so its version must be another.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let names: Vec<&str> = match arguments.components.as_slice() {
        [] => COMPONENTS.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    let files = build(&names, arguments.root.as_deref().unwrap_or(root()))?;
    println!("{:<12} {:>10}", "component", "KiB");
    for (name, path) in names.iter().zip(files) {
        println!(
            "{name:<12} {:>10}",
            fs::metadata(path)?.len().div_ceil(1024)
        );
    }
    Ok(())
}

/// Builds the components where spin.toml expects them, and returns their paths.
pub fn components() -> Result<Vec<PathBuf>> {
    build(&COMPONENTS, root())
}

/// Builds components of a checkout where its spin.toml expects them, and returns their paths.
fn build(names: &[&str], checkout: &Path) -> Result<Vec<PathBuf>> {
    ensure_wasm_target()?;
    if checkout != root() {
        ensure_other_version(checkout)?;
    }
    step(&format!("building {}", names.join(", ")));
    // With the flags of this checkout: with others, cargo would build the dependencies again.
    let mut command = wasm(names, root(), &target_dir())?;
    check(command.current_dir(checkout))?;
    names.iter().map(|name| place(name, checkout)).collect()
}

/// Fails if another checkout has the version of this one. Cargo distinguishes packages of workspaces by name and version:
/// libraries of the other checkout would end up in the components of this one.
fn ensure_other_version(checkout: &Path) -> Result<()> {
    let manifest = checkout.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let own = concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"");
    ensure!(
        text.lines().all(|line| line != own),
        "{} has the version of this checkout: change it, so that cargo does not mix them",
        manifest.display()
    );
    Ok(())
}

/// Returns the command that builds `packages` of the checkout at `root` for wasm32-wasip2.
///
/// Paths of this machine are kept out of the output: panic messages name source files, and the same
/// commit has to give the same bytes anywhere.
pub fn wasm(packages: &[&str], root: &Path, target: &Path) -> Result<Command> {
    let mut command = wasm_of("release", packages, root, target)?;
    command.arg("--locked");
    Ok(command)
}

/// Same as [`wasm`], with a profile of Cargo.toml and a lock file that may change.
pub fn wasm_of(profile: &str, packages: &[&str], root: &Path, target: &Path) -> Result<Command> {
    let home = cargo_home()?;
    // Of several matches, the compiler uses the last.
    let known = [
        (home.as_path(), "/cargo"),
        (root, "/roster"),
        (target, "/target"),
    ];
    let flags = known.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    let mut command = cargo();
    command
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .args(["build", "--profile", profile, "--target", WASM]);
    for name in packages {
        command.args(["--package", name]);
    }
    Ok(command)
}

/// Folder of cargo's sources of dependencies.
fn cargo_home() -> Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(folder) => Ok(root().join(folder)),
        None => {
            let home = env::home_dir().context("the home folder is unknown")?;
            Ok(home.join(".cargo"))
        }
    }
}

/// Builds native programs of the workspace, and programs of `tests/tests`. No package is selected: a selection
/// would build shared dependencies, such as the engine, once more with other features than the tests.
pub fn native(programs: &[&str], suites: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--workspace"]);
    for name in programs {
        command.args(["--bin", name]);
    }
    for name in suites {
        command.args(["--test", name]);
    }
    check(&mut command)
}

/// Builds the tests and the embedded host.
pub fn tests_and_host() -> Result<()> {
    step("building the tests and the embedded host");
    check(cargo().args(["build", "--workspace", "--bins", "--tests"]))
}

/// Copies a component to `target`, as named in spin.toml, if cargo's target folder is elsewhere.
fn place(name: &str, checkout: &Path) -> Result<PathBuf> {
    let file = PathBuf::from(WASM)
        .join("release")
        .join(format!("{name}.wasm"));
    let built = target_dir().join(&file);
    let expected = checkout.join("target").join(file);
    if built != expected {
        let folder = expected.parent().context("the path has no parent folder")?;
        fs::create_dir_all(folder)?;
        // Renamed into place, so that a host that starts now reads either the old or the new file.
        let part = expected.with_extension(format!("{}.part", std::process::id()));
        fs::copy(&built, &part).with_context(|| format!("cannot copy {}", built.display()))?;
        fs::rename(part, &expected)?;
    }
    Ok(expected)
}
