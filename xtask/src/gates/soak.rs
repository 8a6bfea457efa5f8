//! `cargo xtask soak`: runs the mix at 80 % of its peak for a long time, and checks the host
//! afterwards.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use devservices::Program;
use tokio::signal::unix::{SignalKind, signal};

use crate::dev::host::{Kind, Program as Host, devhost_path};
use crate::dev::servers::install_missing;
use crate::gates::test_runner::Running;
use crate::tools::build;
use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::{reports_dir, step, target_dir};

/// Loads a host steadily and fails if memory drifts, descriptors grow, or a request fails; leaves
/// target/reports/soak.md and soak.json.
#[derive(clap::Args)]
pub struct Arguments {
    /// Host: the embedded one, or the Spin on PATH.
    #[arg(long, value_enum, default_value_t = Kind::Embedded)]
    host: Kind,
    /// Minutes of load, after the peak was measured.
    #[arg(long, value_name = "N", default_value_t = 30)]
    minutes: u64,
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    if arguments.host == Kind::Spin {
        Host::prepare(Kind::Spin)?;
    }
    build::components()?;
    step("building the soak run");
    check(cargo().args(["build", "--workspace", "--bins"]))?;
    install_missing(&[Program::Postgres, Program::Redis])?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut command = Command::new(target_dir().join("debug").join("soak"));
    command.arg("--minutes").arg(arguments.minutes.to_string());
    command.arg("--reports").arg(reports_dir()?);
    command.env("ROSTER_HOST", arguments.host.name());
    command.env("ROSTER_DEVHOST", devhost_path());
    command.stdin(Stdio::null());
    step("running the load");
    let status = tokio::select! {
        status = Running::start(&mut command)?.wait() => status?,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    };
    if !status.success() {
        bail!("the soak run failed ({status})");
    }
    Ok(())
}
