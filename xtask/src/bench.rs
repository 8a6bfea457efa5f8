//! `cargo xtask bench`: loads the app and prints what it answered, how fast.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use devservices::{Process, random_hex, random_password};
use tokio::signal::unix::{SignalKind, signal};

use crate::cargo::{cargo, check};
use crate::first_admin::FirstAdmin;
use crate::host::{Host, Program};
use crate::operator::Operator;
use crate::servers::{Servers, throwaway_folder};
use crate::settings::Settings;
use crate::workspace::{step, target_dir};
use crate::{build, migrate};

/// Measures a running app, or the components on the embedded host with private servers.
#[derive(clap::Args)]
pub struct Arguments {
    /// read, list, reads-under-logins or sign-in-timing; without it all of them.
    scenario: Option<String>,
    /// How long each measurement takes.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// An app that runs already. ROSTER_ADMIN_EMAIL and ROSTER_ADMIN_PASSWORD name an admin of it.
    #[arg(long, value_name = "U")]
    url: Option<String>,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    step("building the load generator");
    // With the host: a selection without it would build what they share with other features.
    check(cargo().args(["build", "--package", "bench", "--package", "devhost"]))?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = measure(&arguments) => result,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut command = Command::new(target_dir().join("debug").join("bench"));
    command.args(&arguments.scenario).stdin(Stdio::null());
    command.arg("--seconds").arg(arguments.seconds.to_string());
    if let Some(url) = &arguments.url {
        command.arg("--url").arg(url);
        return finish(&mut command).await;
    }
    build::components()?;
    let folder = throwaway_folder()?;
    measure_private(&mut command, folder.path()).await?;
    Ok(folder.close()?)
}

/// The app without limits but `hash_slots`, as the tests have it.
async fn measure_private(command: &mut Command, dir: &Path) -> Result<()> {
    let mut settings = Settings::default();
    let servers = Servers::throwaway(&mut settings, dir).await?;
    let database = servers.owner_url(&settings)?;
    migrate::apply(&database).await?;
    let password = random_password()?;
    settings.set("bootstrap_admin_password", &password);
    let first_admin = FirstAdmin::take(&mut settings)?;
    let operator = Operator::connect(&database).await?;
    let admin = first_admin.provide(&operator).await?;
    drop(operator);
    settings.set("cursor_key", &random_hex(32)?);
    settings.set("jwt_secret", &random_hex(32)?);
    for (name, value) in [
        ("rate_limit_requests", "0"),
        ("login_attempts_per_account", "1000000"),
        ("login_attempts_per_ip", "1000000"),
        // A line for each request would be measured with it.
        ("log_level", "error"),
    ] {
        settings.set(name, value);
    }
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut host = Host::start(&Program::embedded(), listen, &settings)?;
    host.ready().await?;
    command
        .env("ROSTER_URL", &host.url)
        .env("ROSTER_ADMIN_EMAIL", &admin.email)
        .env("ROSTER_ADMIN_PASSWORD", &password);
    finish(command).await
}

/// Waits for the end without holding up signals.
async fn finish(command: &mut Command) -> Result<()> {
    const POLL: Duration = Duration::from_millis(50);
    const GRACE: Duration = Duration::from_secs(1);
    step("measuring");
    let mut bench = Process::spawn(command, GRACE)?;
    loop {
        match bench.exit_status()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => bail!("the measurement failed ({status})"),
            None => tokio::time::sleep(POLL).await,
        }
    }
}
