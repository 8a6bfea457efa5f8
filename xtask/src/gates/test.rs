//! `cargo xtask test`: runs every test, or those of an area, against private servers.

mod app;
pub mod area;
mod programs;

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

use crate::dev::host::{Kind, Program};
use crate::dev::servers::throwaway_folder;
use crate::dev::watch;
use crate::gates::openapi_coverage;
use crate::gates::test_runner::{Runner, Running};
use crate::tools::build;
use crate::tools::workspace::{manifest, root, step};
use app::{App, Stores};
use area::Area;

/// Runs all tests: native, SQL and black-box, against private servers that it starts and stops. With areas, runs
/// the tests that matter after a change in one folder, and builds and starts only what these need.
#[derive(clap::Args)]
pub struct Arguments {
    /// Areas to test [default: everything].
    ///
    /// Folders of crates/ and components/ (`accounts`: its unit and SQL tests, then the black-box suites that
    /// matter), black-box programs (`contract`) and suites (`sessions`, `contract::list`). A single word that
    /// is none of these selects tests whose names contain it.
    #[arg(value_name = "AREA")]
    areas: Vec<String>,
    /// Leaves out the black-box suites of the areas: builds no component, starts no host.
    #[arg(long, requires = "areas")]
    native: bool,
    /// Host of the black-box suites: the embedded one, or the Spin on PATH.
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,
    /// Arguments for the test runner.
    #[arg(last = true)]
    runner: Vec<OsString>,
}

/// Packages whose tests need Postgres or Redis, or their programs.
const ON_STORES: [&str; 5] = [
    "accounts",
    "devhost",
    "devservices",
    "roster-admin",
    "spin-pg-bindings",
];

/// Runs the command and ends the process with the runner's exit code.
pub async fn run(arguments: Arguments) -> Result<()> {
    let area = Area::named(&arguments.areas, root())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let folder = throwaway_folder()?;
    let tests = async {
        match area {
            Some(area) => run_area(&arguments, area, folder.path()).await,
            None => run_all(&arguments, folder.path()).await,
        }
    };
    let status = tokio::select! {
        status = tests => status?.code(),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    folder.close()?;
    std::process::exit(status.unwrap_or(1))
}

/// Runs all tests, or those whose names contain the only word.
async fn run_all(arguments: &Arguments, dir: &Path) -> Result<ExitStatus> {
    let word = arguments.areas.first();
    ensure!(
        !arguments.native,
        "--native needs an area: see `cargo xtask test --help`"
    );
    build::components()?;
    build::tests_and_host()?;
    let program = program(arguments.host)?;
    let runner = Runner::provide()?;
    if let Some(word) = word {
        runner.ensure_found(word)?;
    }
    let mut tests = runner.workspace();
    programs::provide(None, &mut tests)?;
    let mut stores = Stores::start(dir).await?;
    stores.describe(&mut tests);
    let app = App::start(&mut stores, &program, &manifest()).await?;
    app.describe(&mut tests, arguments.host, &manifest());
    let responses = dir.join("responses");
    fs::create_dir(&responses)?;
    tests.env("ROSTER_RESPONSES", &responses);
    step(&format!("running the tests on {program}"));
    let status = run_tests(tests.args(word), arguments, dir).await?;
    runner.keep_report()?;
    // A filtered run cannot prove coverage.
    if status.success() && word.is_none() && arguments.runner.is_empty() {
        openapi_coverage::check(&responses)?;
    }
    Ok(status)
}

/// Runs the tests of an area: first those of its packages, then its suites if all have passed.
async fn run_area(arguments: &Arguments, mut area: Area, dir: &Path) -> Result<ExitStatus> {
    if arguments.native {
        area.suites.clear();
        ensure!(!area.packages.is_empty(), "the area has no native tests");
    }
    let runner = Runner::provide()?;
    let is_on_stores = |package: &String| ON_STORES.contains(&package.as_str());
    let mut stores = match area.packages.iter().any(is_on_stores) {
        true => Some(Stores::start(dir).await?),
        false => None,
    };
    if !area.packages.is_empty() {
        let mut tests = runner.packages(&area.packages);
        programs::provide(Some(&area), &mut tests)?;
        if let Some(stores) = &stores {
            stores.describe(&mut tests);
        }
        step("running the tests of the packages");
        let status = run_tests(&mut tests, arguments, dir).await?;
        if !status.success() || area.suites.is_empty() {
            return Ok(status);
        }
    }
    let stores = match &mut stores {
        Some(stores) => stores,
        none => none.insert(Stores::start(dir).await?),
    };
    run_suites(arguments, &area, &runner, stores, dir).await
}

/// Runs the suites of an area until one program fails.
async fn run_suites(
    arguments: &Arguments,
    area: &Area,
    runner: &Runner,
    stores: &mut Stores,
    dir: &Path,
) -> Result<ExitStatus> {
    let manifest = match area.suites.iter().all(area::Suite::is_quick) {
        true => watch::prepare(dir).await?,
        false => {
            build::components()?;
            manifest()
        }
    };
    step("building the suites and what they start");
    let mut names: Vec<_> = area
        .suites
        .iter()
        .map(|suite| suite.program.as_str())
        .collect();
    names.dedup();
    build::native(&programs::started_by(area), &names)?;
    let program = program(arguments.host)?;
    let app = App::start(stores, &program, &manifest).await?;
    step(&format!("running the suites on {program}"));
    let mut status = ExitStatus::default();
    for mut tests in runner.suites(&area.suites) {
        programs::provide(Some(area), &mut tests)?;
        stores.describe(&mut tests);
        app.describe(&mut tests, arguments.host, &manifest);
        status = run_tests(&mut tests, arguments, dir).await?;
        if !status.success() {
            break;
        }
    }
    Ok(status)
}

/// The host of the suites, which is built already.
fn program(kind: Kind) -> Result<Program> {
    match kind {
        Kind::Spin => Program::prepare(Kind::Spin),
        Kind::Embedded => Ok(Program::embedded()),
    }
}

/// Runs a command of the runner; nothing that its tests need may be missing.
async fn run_tests(tests: &mut Command, arguments: &Arguments, dir: &Path) -> Result<ExitStatus> {
    let not_run = dir.join("not-run");
    tests
        .args(&arguments.runner)
        .env(devservices::COMPLETE, "1")
        .env("ROSTER_NOT_RUN", &not_run);
    let status = Running::start(tests)?.wait().await?;
    report_not_run(&not_run)?;
    Ok(status)
}

/// Prints the tests that were skipped because the host cannot pass them, with their reasons.
fn report_not_run(notes: &Path) -> Result<()> {
    match fs::read_to_string(notes) {
        Ok(lines) => lines
            .lines()
            .for_each(|line| step(&format!("not run on Spin: {line}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("cannot read the list of skipped tests"),
    }
    Ok(())
}
