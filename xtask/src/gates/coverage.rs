//! `cargo xtask coverage`: line coverage of the code that runs natively.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use roster_admin::migrate;
use serde_json::Value;

use crate::dev::servers::{Servers, throwaway_folder};
use crate::dev::settings::Settings;
use crate::tools::build::COMPONENTS;
use crate::tools::cargo::{cargo, check};
use crate::tools::cargo_tools::CargoTool;
use crate::tools::workspace::{reports_dir, root, step, target_dir};

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

/// Compiler of the workspace's own packages, with counters. cargo-llvm-cov has one for all packages, whose output
/// cargo cannot distinguish from that of the ordinary compiler: it needs a target folder of its own, with all
/// dependencies once more.
const COMPILER: &str = "#!/bin/sh\nexec \"$@\" -C instrument-coverage\n";

/// Runs the command.
pub async fn run(_: Arguments) -> Result<()> {
    let program = LLVM_COV.provide()?;
    let mut component = Command::new("rustup");
    check(
        component
            .args(["component", "add", "llvm-tools"])
            .current_dir(root()),
    )?;
    step("building the tests with counters");
    let counted = Counted::build()?;
    let folder = throwaway_folder()?;
    let mut settings = Settings::default();
    let servers = Servers::throwaway(&mut settings, folder.path()).await?;
    let database = servers.owner_url(&settings)?;
    migrate::apply(&database).await?;
    step("running the tests with counters");
    let mut tests = counted.tests("%p-%m.profraw");
    tests.env("ROSTER_DATABASE_URL", &database);
    if let Some(cache) = settings.redis_url()? {
        tests.env("ROSTER_REDIS_URL", cache);
    }
    check(&mut tests)?;
    drop(servers);
    let report = || {
        let mut command = Command::new(&program);
        command.args(["llvm-cov", "report"]).current_dir(root());
        command.env("CARGO_LLVM_COV_TARGET_DIR", &counted.folder);
        command
    };
    let cobertura = reports_dir()?.join("coverage.xml");
    check(
        report()
            .args(["--cobertura", "--output-path"])
            .arg(cobertura),
    )?;
    check(report().args(["--summary-only", "--fail-under-lines", GATE]))
}

/// Tests of the measured packages, built with counters.
struct Counted {
    /// Folder of the reports' sources: the programs, in `debug`, and the counts that they write.
    folder: PathBuf,
}

impl Counted {
    /// Builds the tests. They share their dependencies with all other native builds.
    fn build() -> Result<Self> {
        let folder = target_dir().join("coverage");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let programs = folder.join("debug");
        fs::create_dir_all(&programs)?;
        let counted = Self { folder };
        let compiler = counted.compiler();
        fs::write(&compiler, COMPILER)?;
        fs::set_permissions(&compiler, Permissions::from_mode(0o755))?;
        // Build scripts have counters, too, which no report counts.
        let mut build = counted.tests("%p-%m.unused");
        build.args(["--no-run", "--message-format", "json-render-diagnostics"]);
        let output = build.stderr(Stdio::inherit()).output();
        let output = output.context("cannot run cargo")?;
        ensure!(
            output.status.success(),
            "{build:?} failed: {}",
            output.status
        );
        for program in executables(&String::from_utf8(output.stdout)?)? {
            let name = program.file_name().context("a program has no name")?;
            fs::hard_link(&program, programs.join(name))
                .with_context(|| format!("cannot link {}", program.display()))?;
        }
        Ok(counted)
    }

    fn compiler(&self) -> PathBuf {
        self.folder.join("rustc")
    }

    /// Returns the command that runs the tests, whose counts get names by this pattern.
    fn tests(&self, counts: &str) -> Command {
        let mut command = cargo();
        command
            .args(["test", "--locked", "--tests"])
            .env("LLVM_PROFILE_FILE", self.folder.join(counts))
            .env("RUSTC_WORKSPACE_WRAPPER", self.compiler());
        for package in PACKAGES.into_iter().chain(COMPONENTS) {
            command.args(["--package", package]);
        }
        command
    }
}

/// Programs in cargo's messages, a JSON object per line.
fn executables(messages: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)
            .with_context(|| format!("cargo printed {line:?} instead of JSON"))?;
        let executable = message.get("executable").and_then(Value::as_str);
        found.extend(executable.map(|path| Path::new(path).to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/debug/deps/sql-1"}
{"reason":"build-script-executed"}
{"reason":"build-finished","success":true}
"#;
        let found = executables(messages).unwrap();
        assert_eq!(found, [Path::new("/target/debug/deps/sql-1")]);
        assert!(executables("warning").is_err());
    }
}
