//! `cargo xtask test`: runs every test, against private servers.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};
use devservices::random_hex;
use tokio::signal::unix::{SignalKind, signal};

use crate::database::migrate;
use crate::dev::host::{Host, Kind, Program, devhost_path};
use crate::dev::servers::{Servers, install_missing, throwaway_folder};
use crate::dev::settings::Settings;
use crate::gates::openapi_coverage;
use crate::gates::test_runner::{Runner, Running};
use crate::tools::build;
use crate::tools::cargo::check;
use crate::tools::cargo_tools;
use crate::tools::kubectl;
use crate::tools::schemathesis;
use crate::tools::workspace::{root, step, target_dir};

/// Runs all tests: native, SQL and black-box, against private servers that it starts and stops.
#[derive(clap::Args)]
pub struct Arguments {
    /// Runs only tests whose name contains this.
    filter: Option<String>,
    /// Host of the black-box suites: the embedded one, or the Spin on PATH.
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,
    /// Arguments for the test runner.
    #[arg(last = true)]
    runner: Vec<OsString>,
}

/// Runs the command and ends the process with the runner's exit code.
pub async fn run(arguments: Arguments) -> Result<()> {
    build::components()?;
    // Built in advance: the host's tests would exceed their time limit while building it.
    step("building the guest of the host's tests");
    check(&mut build::wasm(
        &["strictness-guest"],
        root(),
        &target_dir(),
    )?)?;
    build::tests_and_host()?;
    let program = match arguments.host {
        Kind::Spin => Program::prepare(Kind::Spin)?,
        Kind::Embedded => Program::embedded(),
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let folder = throwaway_folder()?;
    let status = tokio::select! {
        status = run_tests(&arguments, &program, folder.path()) => status?.code(),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    folder.close()?;
    std::process::exit(status.unwrap_or(1))
}

async fn run_tests(arguments: &Arguments, program: &Program, dir: &Path) -> Result<ExitStatus> {
    // Not the developer's own .env: tests write, and stop servers.
    let mut settings = Settings::default();
    install_missing(&[
        devservices::Program::Browser,
        devservices::Program::ShellCheck,
        devservices::Program::Promtool,
        devservices::Program::Groovy,
    ])?;
    let schemathesis = schemathesis::provide()?;
    let kubectl = kubectl::provide()?;
    let delivery = cargo_tools::python("delivery-tools", "crates/delivery/requirements.txt")?;
    let servers = Servers::throwaway(&mut settings, dir).await?;
    let database = servers.owner_url(&settings)?;
    let cache = settings.redis_url()?.context("redis_host is not set")?;
    migrate::apply(&database).await?;
    let admin = Administrator::new()?;
    prepare(&mut settings, &admin)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut host = Host::start(program, listen, &settings)?;
    host.ready().await?;
    let runner = Runner::provide()?;
    let mut command = runner.command();
    command
        .args(&arguments.filter)
        .args(&arguments.runner)
        .env(devservices::COMPLETE, "1")
        .env("ROSTER_URL", &host.url)
        .env("ROSTER_ADMIN_EMAIL", admin.email)
        .env("ROSTER_ADMIN_PASSWORD", &admin.password)
        .env("ROSTER_DATABASE_URL", &database)
        .env("ROSTER_REDIS_URL", &cache)
        .env("ROSTER_HOST", arguments.host.name())
        .env("ROSTER_DEVHOST", devhost_path())
        .env("ROSTER_CLI", devhost_path().with_file_name("roster"))
        .env("ROSTER_SCHEMATHESIS", schemathesis)
        .env("ROSTER_KUBECTL", kubectl)
        .env("ROSTER_TOOLS", delivery);
    if let Err(error) = provide_registry() {
        command.env("ROSTER_NO_REGISTRY", format!("{error:#}"));
    }
    let notes = dir.join("answers");
    fs::create_dir(&notes)?;
    command.env("ROSTER_ANSWERS", &notes);
    let not_run = dir.join("not-run");
    command.env("ROSTER_NOT_RUN", &not_run);
    step(&format!("running the tests on {program}"));
    let status = Running::start(&mut command)?.wait().await?;
    runner.keep_report()?;
    report_not_run(&not_run)?;
    // A filtered run cannot prove coverage.
    if status.success() && arguments.filter.is_none() && arguments.runner.is_empty() {
        openapi_coverage::check(&notes)?;
    }
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

/// Provides the registry for the test of the artifact in a registry, which is skipped without it.
fn provide_registry() -> Result<()> {
    if !matches!(Kind::detect(), Kind::Spin) {
        bail!("Spin 4.1 or later, which pushes the artifact, is not on the PATH");
    }
    install_missing(&[devservices::Program::Registry])
}

/// Admin that the suites sign in as.
struct Administrator {
    email: &'static str,
    password: String,
}

impl Administrator {
    fn new() -> Result<Self> {
        Ok(Self {
            email: "admin@example.com",
            password: random_hex(16)?,
        })
    }
}

/// Configures the app shared by all suites, beside its servers. It has no limits but the machine's:
/// suites about limits and defaults start an app of their own.
fn prepare(settings: &mut Settings, admin: &Administrator) -> Result<()> {
    settings.set("cursor_key", &random_hex(32)?);
    settings.set("jwt_secret", &random_hex(32)?);
    for (name, value) in [
        ("bootstrap_admin_email", admin.email),
        ("bootstrap_admin_password", &admin.password),
        ("hash_slots", "2"),
        ("login_attempts_per_account", "10000"),
        ("login_attempts_per_ip", "10000"),
        // Every test signs in as the administrator.
        ("max_sessions", "1000"),
        ("rate_limit_requests", "0"),
        ("registration_enabled", "true"),
        ("token_form_enabled", "true"),
        // A line per request would bury the runner's output.
        ("log_level", "warn"),
    ] {
        settings.set(name, value);
    }
    Ok(())
}
