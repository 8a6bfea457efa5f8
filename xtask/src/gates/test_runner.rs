//! Test runner: cargo-nextest, or `cargo test`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::tools::cargo::cargo;
use crate::tools::cargo_tools::CargoTool;
use crate::tools::workspace::{reports_dir, root, target_dir};

const NEXTEST: CargoTool = CargoTool {
    name: "cargo-nextest",
    version: "0.9.143",
    options: &[],
};

/// Path of cargo-nextest's report (see .config/nextest.toml) in the target folder.
const JUNIT: &str = "nextest/default/junit.xml";

/// A program that runs tests.
pub enum Runner {
    /// Runs all test binaries side by side, ends tests that hang, prints one summary and reports in
    /// JUnit's format.
    Nextest(PathBuf),
    /// Part of every toolchain.
    Cargo,
}

impl Runner {
    /// Returns cargo-nextest if it is installed. It is built on build servers, which set `CI` and need
    /// the report; elsewhere building takes longer than it saves.
    pub fn provide() -> Result<Self> {
        let is_installed = Command::new(NEXTEST.name)
            .args(["nextest", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        match (is_installed, env::var_os("CI")) {
            (true, _) => Ok(Self::Nextest(NEXTEST.name.into())),
            (false, Some(_)) => Ok(Self::Nextest(NEXTEST.provide()?)),
            (false, None) => Ok(Self::Cargo),
        }
    }

    /// The command that runs the tests of the workspace.
    pub fn command(&self) -> Command {
        let mut command = match self {
            Self::Nextest(program) => {
                let mut command = Command::new(program);
                command.args(["nextest", "run"]);
                command.current_dir(root()).stdin(Stdio::null());
                command
            }
            Self::Cargo => {
                let mut command = cargo();
                command.arg("test");
                command
            }
        };
        command.arg("--workspace");
        command
    }

    /// Copies the report to the other reports, if the runner writes one.
    pub fn keep_report(&self) -> Result<()> {
        let report = target_dir().join(JUNIT);
        if matches!(self, Self::Nextest(_)) && report.exists() {
            fs::copy(report, reports_dir()?.join("junit.xml"))?;
        }
        Ok(())
    }
}

/// A running command, such as the test runner. Dropping it gives the command, which Ctrl-C stops, a few
/// seconds to end before it is killed.
pub struct Running(Child);

impl Running {
    const POLL: Duration = Duration::from_millis(50);
    const GRACE: Duration = Duration::from_secs(10);

    /// Starts the command.
    pub fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn().with_context(|| {
            let program = command.get_program().to_string_lossy().into_owned();
            format!("cannot run {program}")
        })?))
    }

    /// Waits until it has ended.
    pub async fn wait(mut self) -> Result<ExitStatus> {
        loop {
            match self.0.try_wait()? {
                Some(status) => return Ok(status),
                None => tokio::time::sleep(Self::POLL).await,
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let deadline = Instant::now() + Self::GRACE;
        while let Ok(None) = self.0.try_wait() {
            if Instant::now() >= deadline {
                // It may have ended meanwhile; another error cannot be handled here.
                let _ = self.0.kill();
            }
            std::thread::sleep(Self::POLL);
        }
    }
}
