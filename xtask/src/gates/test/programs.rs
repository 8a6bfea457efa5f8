//! Programs that single tests need: installed only if such a test may run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use devservices::Program;

use super::area::{Area, Suite};
use crate::dev::host::Kind;
use crate::dev::servers::install_missing;
use crate::tools::build::{self, GUEST};
use crate::tools::cargo::{WASM, check};
use crate::tools::cargo_tools;
use crate::tools::kubectl;
use crate::tools::schemathesis;
use crate::tools::services;
use crate::tools::workspace::{root, step, target_dir};

/// Package whose tests need a component of their own.
const DEVHOST: &str = "devhost";
/// Package whose tests check manifests and scripts.
const DELIVERY: &str = "delivery";
/// Suite that runs the checks of that package.
const NEW_GROUP: &str = "template::new_group";
/// Suite that runs nginx.
const NGINX: &str = "docs::nginx";
/// Suite that runs the examples of services.
const SERVICES: &str = "docs::services";
/// Suites that run the example that is a program of the workspace.
const ON_AXUM: [&str; 2] = [NGINX, SERVICES];
/// Suites that run programs in Python or Node.js.
const ON_SERVICES: [&str; 5] = [
    "docs::clients",
    "docs::envoy",
    "docs::from_fastapi",
    SERVICES,
    "docs::user_copy",
];
/// Suite that runs `cargo xtask up`.
const UP: &str = "docs::quickstart";

/// Provides what the tests of an area need, or all tests, and sets the variables that name it.
pub fn provide(area: Option<&Area>, tests: &mut Command) -> Result<()> {
    let package = |name: &str| area.is_none_or(|area| area.packages.contains(name));
    let suite = |name: &str| area.is_none_or(|area| area.suites.iter().any(|suite| suite.is(name)));
    if package(DEVHOST) {
        tests.env("ROSTER_GUEST", build_guest()?);
    }
    let mut wanted = Vec::new();
    if suite("docs::browser") {
        wanted.push(Program::Browser);
    }
    if suite(NGINX) {
        wanted.push(Program::Nginx);
    }
    if package(DELIVERY) {
        wanted.extend([Program::ShellCheck, Program::Promtool, Program::Groovy]);
    }
    install_missing(&wanted)?;
    if suite("attacks::schemathesis") {
        tests.env("ROSTER_SCHEMATHESIS", schemathesis::provide()?);
    }
    if ON_SERVICES.into_iter().any(suite) {
        tests.env("ROSTER_SERVICES", services::provide()?);
    }
    if package(DELIVERY) || suite(NEW_GROUP) {
        let tools = cargo_tools::python("delivery-tools", "crates/delivery/requirements.txt")?;
        tests.env("ROSTER_TOOLS", tools);
    }
    if package(DELIVERY) || package("xtask") || suite(NEW_GROUP) {
        tests.env("ROSTER_KUBECTL", kubectl::provide()?);
    }
    if suite("docs::registry")
        && let Err(error) = provide_registry()
    {
        tests.env("ROSTER_NO_REGISTRY", format!("{error:#}"));
    }
    Ok(())
}

/// Returns the programs of the workspace that the suites of an area start.
pub fn started_by(area: &Area) -> Vec<&'static str> {
    let mut programs = vec![DEVHOST];
    if area.suites.iter().any(|suite| suite.program == "cli") {
        programs.push("roster");
    }
    if area.suites.iter().any(|suite| suite.is(NEW_GROUP)) {
        programs.extend(["manifests", "xtask"]);
    }
    let is_on_axum = |suite: &Suite| ON_AXUM.into_iter().any(|name| suite.is(name));
    if area.suites.iter().any(is_on_axum) {
        programs.push("example-axum");
    }
    if area.suites.iter().any(|suite| suite.is(UP)) {
        programs.push("xtask");
    }
    programs
}

/// Builds the guest of the host's tests in advance, since they would exceed their time limit while building it, and
/// returns its path.
fn build_guest() -> Result<PathBuf> {
    step("building the guest of the host's tests");
    check(&mut build::wasm(&[GUEST], root(), &target_dir())?)?;
    let file = format!("{WASM}/release/{}.wasm", GUEST.replace('-', "_"));
    Ok(target_dir().join(file))
}

/// Provides the registry for the test of the artifact in a registry, which is skipped without it.
fn provide_registry() -> Result<()> {
    if !matches!(Kind::detect(), Kind::Spin) {
        bail!("Spin 4.1 or later, which pushes the artifact, is not on the PATH");
    }
    install_missing(&[Program::Registry])
}
