//! The host's process.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use devservices::Process;

use super::variables::Variables;

/// The host compiles the components at start.
const START: Duration = Duration::from_secs(120);
/// A host that is asked to stop lets requests finish.
const STOP: Duration = Duration::from_secs(20);

/// Starts a host on a free port; what it writes to standard error is added to `log`. Gives the base
/// URL, or the log as the error's context.
pub(super) fn start(variables: &Variables, log: &Path) -> Result<(Process, String)> {
    let mut command = Command::new(program()?);
    command.arg("--manifest").arg(manifest());
    command.args(["--listen", "127.0.0.1:0"]).arg("--cache");
    command.arg(program()?.with_file_name("blackbox-components"));
    command.envs(variables.environment());
    let errors = File::options().create(true).append(true).open(log)?;
    command.stdout(Stdio::piped()).stderr(errors);
    let mut process = Process::spawn(&mut command, STOP)?;
    let base =
        base_url(&mut process).with_context(|| fs::read_to_string(log).unwrap_or_default())?;
    Ok((process, base))
}

pub(super) fn program() -> Result<PathBuf> {
    let path = std::env::var_os("ROSTER_DEVHOST");
    path.map(PathBuf::from)
        .context("ROSTER_DEVHOST is not set; run `cargo xtask test`")
}

fn manifest() -> PathBuf {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml");
    std::env::var_os("ROSTER_MANIFEST").map_or_else(|| project.into(), PathBuf::from)
}

/// Waits for the line that says where the host listens.
fn base_url(host: &mut Process) -> Result<String> {
    let stdout = host.take_stdout().context("no standard output")?;
    let (sender, receiver) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "tests run natively")]
    // Reads on after that line, so that the host never writes into a closed pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + START;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = receiver
            .recv_timeout(left)
            .context("the host did not say where it listens")?;
        match line.strip_prefix("Serving ") {
            Some(url) => return Ok(url.trim().to_owned()),
            None if left.is_zero() => bail!("the host did not start in {START:?}"),
            None => {}
        }
    }
}
