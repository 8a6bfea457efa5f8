//! `cargo xtask test`: every test, against private servers.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use devservices::random_hex;
use tokio::signal::unix::{SignalKind, signal};

use crate::cargo::{WASM, cargo, check};
use crate::host::{Host, Program, devhost_path};
use crate::servers::{Servers, install_missing};
use crate::settings::Settings;
use crate::workspace::step;
use crate::{answers, build, migrate, schemathesis};

/// Runs all tests: native, SQL and black-box, against private servers that it starts and stops.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this.
    filter: Option<String>,
    /// Arguments for the test runner.
    #[arg(last = true)]
    runner: Vec<OsString>,
}

/// Runs the command and ends the process with the runner's exit code.
pub async fn run(arguments: Arguments) -> Result<()> {
    build::components()?;
    // The host's tests build it themselves, but not within the time that a test has.
    step("building the guest of the host's tests");
    let guest = [
        "--release",
        "--target",
        WASM,
        "--package",
        "strictness-guest",
    ];
    check(cargo().arg("build").args(guest))?;
    build::tests_and_host()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Open to others, because the servers' account is not root's.
    let folder = tempfile::Builder::new()
        .prefix("roster-test-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()?;
    let status = tokio::select! {
        status = run_tests(&arguments, folder.path()) => status?.code(),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    folder.close()?;
    std::process::exit(status.unwrap_or(1))
}

async fn run_tests(arguments: &Arguments, dir: &Path) -> Result<ExitStatus> {
    // Nothing of the developer's own .env: tests write, and stop servers.
    let mut settings = Settings::default();
    install_missing(&[devservices::Program::Browser])?;
    let schemathesis = schemathesis::provide()?;
    let _servers = Servers::throwaway(&mut settings, dir).await?;
    let database = settings.database_url()?.context("there is no database")?;
    let cache = settings.redis_url()?.context("there is no Redis")?;
    migrate::apply(&database).await?;
    let admin = Administrator::new()?;
    prepare(&mut settings, &admin)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut host = Host::start(&Program::embedded(), listen, &settings)?;
    host.ready().await?;
    let mut command = runner(arguments);
    command
        .env("ROSTER_URL", &host.url)
        .env("ROSTER_ADMIN_EMAIL", admin.email)
        .env("ROSTER_ADMIN_PASSWORD", &admin.password)
        .env("ROSTER_DATABASE_URL", &database)
        .env("ROSTER_REDIS_URL", &cache)
        .env("ROSTER_DEVHOST", devhost_path())
        .env("ROSTER_CLI", devhost_path().with_file_name("roster"))
        .env("ROSTER_SCHEMATHESIS", schemathesis);
    let notes = dir.join("answers");
    fs::create_dir(&notes)?;
    command.env("ROSTER_ANSWERS", &notes);
    step("running the tests");
    let status = Runner(command.spawn().context("cannot run cargo")?)
        .wait()
        .await?;
    // Of some of the tests nothing follows.
    if status.success() && arguments.filter.is_none() && arguments.runner.is_empty() {
        answers::check(&notes)?;
    }
    Ok(status)
}

/// Who the suites sign in as.
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

/// Sets what the app that all suites share is told beside its servers. It has no limits but the
/// machine's: suites about limits and defaults start an app of their own.
fn prepare(settings: &mut Settings, admin: &Administrator) -> Result<()> {
    settings.set("cursor_key", &random_hex(32)?);
    settings.set("jwt_secret", &random_hex(32)?);
    for (name, value) in [
        ("bootstrap_admin_email", admin.email),
        ("bootstrap_admin_password", &admin.password),
        ("hash_slots", "2"),
        ("login_attempts_per_account", "10000"),
        ("login_attempts_per_ip", "10000"),
        ("rate_limit_requests", "0"),
        ("registration_enabled", "true"),
        ("token_form_enabled", "true"),
        // A line for each request would bury what the runner says.
        ("log_level", "warn"),
    ] {
        settings.set(name, value);
    }
    Ok(())
}

/// The running test runner. Dropping it waits a little for it to end, as Ctrl-C tells it to, before
/// it is killed.
struct Runner(Child);

impl Runner {
    const POLL: Duration = Duration::from_millis(50);
    const GRACE: Duration = Duration::from_secs(10);

    async fn wait(mut self) -> Result<ExitStatus> {
        loop {
            match self.0.try_wait()? {
                Some(status) => return Ok(status),
                None => tokio::time::sleep(Self::POLL).await,
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let deadline = Instant::now() + Self::GRACE;
        while let Ok(None) = self.0.try_wait() {
            if Instant::now() >= deadline {
                // It may have ended since; nothing is left to do about another error.
                let _ = self.0.kill();
            }
            std::thread::sleep(Self::POLL);
        }
    }
}

/// cargo-nextest where it is installed: it runs all test binaries side by side, ends tests that hang
/// and closes with one summary. `cargo test` is what every toolchain has.
fn runner(arguments: &Arguments) -> Command {
    let nextest = Command::new("cargo-nextest")
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut command = cargo();
    match nextest {
        true => command.args(["nextest", "run", "--workspace"]),
        false => command.args(["test", "--workspace"]),
    };
    command.args(&arguments.filter).args(&arguments.runner);
    command
}
