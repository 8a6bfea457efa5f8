//! Test runner: cargo-nextest, or `cargo test`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::gates::test::area::Suite;
use crate::tools::cargo::{cargo, that_runs_cargo};
use crate::tools::cargo_tools::CargoTool;
use crate::tools::workspace::{reports_dir, target_dir};

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
    pub fn workspace(&self) -> Command {
        let mut command = self.command();
        command.arg("--workspace");
        command
    }

    /// The command that runs the tests of some packages.
    pub fn packages(&self, names: &BTreeSet<String>) -> Command {
        let mut command = self.command();
        for name in names {
            command.args(["--package", name]);
        }
        command
    }

    /// The commands that run black-box suites: `cargo test` needs one per program.
    pub fn suites(&self, suites: &BTreeSet<Suite>) -> Vec<Command> {
        let programs = by_program(suites);
        match self {
            Self::Nextest(_) => {
                let mut command = self.workspace();
                for program in programs.keys() {
                    command.args(["--test", program]);
                }
                command.args(["--filterset", &filterset(&programs)]);
                vec![command]
            }
            Self::Cargo => {
                let command = |(program, modules): (&&str, &Vec<&str>)| {
                    let mut command = self.workspace();
                    command.args(["--test", program, "--"]);
                    command.args(modules.iter().map(|module| format!("{module}::")));
                    command
                };
                programs.iter().map(command).collect()
            }
        }
    }

    /// Checks that a test has `word` in its name. cargo-nextest fails by itself if there is none, and `cargo test`
    /// succeeds.
    pub fn ensure_found(&self, word: &str) -> Result<()> {
        if matches!(self, Self::Nextest(_)) {
            return Ok(());
        }
        let mut list = self.workspace();
        list.args([word, "--", "--list"]).stderr(Stdio::inherit());
        let output = list.output().context("cannot run cargo")?;
        let names = String::from_utf8_lossy(&output.stdout);
        let is_found = names.lines().any(|line| line.ends_with(": test"));
        ensure!(
            is_found && output.status.success(),
            "{word} is no area, and no test has it in its name"
        );
        Ok(())
    }

    fn command(&self) -> Command {
        match self {
            Self::Nextest(program) => {
                let mut command = that_runs_cargo(program);
                command.args(["nextest", "run"]);
                command
            }
            Self::Cargo => {
                let mut command = cargo();
                command.arg("test");
                command
            }
        }
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

/// The modules of each program.
fn by_program(suites: &BTreeSet<Suite>) -> BTreeMap<&str, Vec<&str>> {
    let mut programs: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for Suite { program, module } in suites {
        programs
            .entry(program.as_str())
            .or_default()
            .push(module.as_str());
    }
    programs
}

/// The expression by which cargo-nextest selects modules of programs.
fn filterset(programs: &BTreeMap<&str, Vec<&str>>) -> String {
    let programs = programs.iter().map(|(program, modules)| {
        format!("(binary({program}) & test(/^({})::/))", modules.join("|"))
    });
    programs.collect::<Vec<_>>().join(" | ")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(command: &Command) -> String {
        let arguments: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        arguments.join(" ")
    }

    #[test]
    fn suites_are_selected_by_program_and_module() {
        let suite = |program: &str, module: &str| Suite {
            program: program.to_owned(),
            module: module.to_owned(),
        };
        let suites = [
            suite("identity", "sessions"),
            suite("contract", "list"),
            suite("contract", "audit"),
        ];
        let suites = BTreeSet::from(suites);
        let nextest = Runner::Nextest(NEXTEST.name.into()).suites(&suites);
        let [nextest] = nextest.as_slice() else {
            panic!("{nextest:?}");
        };
        assert_eq!(
            arguments(nextest),
            "nextest run --workspace --test contract --test identity --filterset \
             (binary(contract) & test(/^(audit|list)::/)) | (binary(identity) & test(/^(sessions)::/))"
        );
        let cargo = Runner::Cargo.suites(&suites);
        assert_eq!(
            cargo.iter().map(arguments).collect::<Vec<_>>(),
            [
                "test --workspace --test contract -- audit:: list::",
                "test --workspace --test identity -- sessions::",
            ]
        );
    }
}
