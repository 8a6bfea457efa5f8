//! `cargo xtask coverage`: line coverage of the code that runs natively.

use std::process::Command;

use anyhow::Result;
use roster_admin::migrate;

use crate::dev::servers::{Servers, throwaway_folder};
use crate::dev::settings::Settings;
use crate::tools::build::COMPONENTS;
use crate::tools::cargo::check;
use crate::tools::cargo_tools::CargoTool;
use crate::tools::workspace::{reports_dir, root, step};

/// Measures the coverage of the crates that the components are made of, by their unit and SQL tests, in
/// Cobertura's format. Fails below the gate. Code that only runs inside the host is left out: no
/// counter gets out of it.
#[derive(clap::Args)]
pub struct Arguments {}

const LLVM_COV: CargoTool = CargoTool {
    name: "cargo-llvm-cov",
    version: "0.9.1",
    options: &[],
};

/// Measured packages, besides the components.
const PACKAGES: [&str; 4] = ["accounts", "openapi", "spin-pg-bindings", "web"];

/// Minimum of covered lines, in percent.
const GATE: &str = "80";

/// Runs the command.
pub async fn run(_: Arguments) -> Result<()> {
    let program = LLVM_COV.provide()?;
    let llvm_cov = || {
        let mut command = Command::new(&program);
        command.arg("llvm-cov").current_dir(root());
        command
    };
    let mut component = Command::new("rustup");
    check(
        component
            .args(["component", "add", "llvm-tools"])
            .current_dir(root()),
    )?;
    let folder = throwaway_folder()?;
    let mut settings = Settings::default();
    let servers = Servers::throwaway(&mut settings, folder.path()).await?;
    let database = servers.owner_url(&settings)?;
    migrate::apply(&database).await?;
    step("running the tests with counters");
    let mut tests = llvm_cov();
    tests.args(["--no-report", "--locked"]);
    for package in PACKAGES.into_iter().chain(COMPONENTS) {
        tests.args(["--package", package]);
    }
    tests.env("ROSTER_DATABASE_URL", &database);
    if let Some(cache) = settings.redis_url()? {
        tests.env("ROSTER_REDIS_URL", cache);
    }
    check(&mut tests)?;
    drop(servers);
    let mut cobertura = llvm_cov();
    cobertura.args(["report", "--cobertura", "--output-path"]);
    check(cobertura.arg(reports_dir()?.join("coverage.xml")))?;
    check(llvm_cov().args(["report", "--summary-only", "--fail-under-lines", GATE]))
}
