//! The host that serves the components: `spin up`, or the embedded one.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use devservices::{Process, free_port};
use semver::Version;

use crate::cargo::{cargo, check};
use crate::settings::Settings;
use crate::workspace::{manifest, root, step, target_dir};

/// The first Spin that runs WASI 0.3.0 components.
const OLDEST_SPIN: Version = Version::new(4, 1, 0);
/// Compiling the components is part of a start.
const START_LIMIT: Duration = Duration::from_secs(120);
/// Longer than the host's own drain.
const STOP_LIMIT: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(100);

/// Which host serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Kind {
    /// `spin up`, from PATH.
    Spin,
    /// devhost of this workspace.
    Embedded,
}

impl Kind {
    /// Spin when a new enough one is installed, else the embedded host.
    pub fn detect() -> Self {
        match spin_version() {
            Ok(version) if version >= OLDEST_SPIN => Self::Spin,
            _ => Self::Embedded,
        }
    }
}

/// A host that can be started.
pub enum Program {
    /// `spin` on PATH.
    Spin(Version),
    /// The embedded host.
    Embedded(PathBuf),
}

impl Program {
    /// Checks Spin's version, or builds the embedded host.
    pub fn prepare(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Spin => match spin_version()? {
                version if version >= OLDEST_SPIN => Ok(Self::Spin(version)),
                version => bail!("Spin {version} is too old: {OLDEST_SPIN} or later is needed"),
            },
            Kind::Embedded => {
                step("building the embedded host");
                check(cargo().args(["build", "--package", "devhost"]))?;
                Ok(Self::embedded())
            }
        }
    }

    /// The embedded host, where cargo has put it.
    pub fn embedded() -> Self {
        Self::Embedded(devhost_path())
    }
}

/// A client for the host, which speaks plain HTTP: of TLS it has no more than reqwest asks for.
fn plain_http() -> reqwest::Result<reqwest::Client> {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .tls_certs_only([])
        .build()
}

/// A running host. Dropping it lets it answer what it has begun, and stops it.
pub struct Host {
    process: Process,
    /// What the embedded host says.
    lines: Option<Receiver<String>>,
    /// `http://address:port`
    pub url: String,
}

impl Host {
    /// Starts a host on `listen` with `settings` in its environment. The embedded one listens when
    /// this returns; `ready` waits for either.
    pub fn start(program: &Program, listen: SocketAddr, settings: &Settings) -> Result<Self> {
        Self::start_with(&manifest(), program, listen, settings)
    }

    /// As `start`, with another manifest, which the embedded host alone takes.
    pub fn start_with(
        manifest: &Path,
        program: &Program,
        listen: SocketAddr,
        settings: &Settings,
    ) -> Result<Self> {
        match program {
            Program::Spin(version) => {
                step(&format!("starting Spin {version}"));
                Self::start_spin(listen, settings)
            }
            Program::Embedded(path) => {
                step("starting the embedded host");
                Self::start_embedded(path, manifest, listen, settings)
            }
        }
    }

    fn start_spin(mut listen: SocketAddr, settings: &Settings) -> Result<Self> {
        if listen.port() == 0 {
            listen.set_port(free_port()?);
        }
        let mut command = Command::new("spin");
        command.arg("up").arg("--from").arg(manifest());
        command.arg("--listen").arg(listen.to_string());
        command.current_dir(root()).envs(settings.environment());
        Ok(Self {
            process: Process::spawn(&mut command, STOP_LIMIT)?,
            lines: None,
            url: format!("http://{listen}"),
        })
    }

    fn start_embedded(
        program: &Path,
        manifest: &Path,
        listen: SocketAddr,
        settings: &Settings,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--manifest").arg(manifest);
        command.arg("--listen").arg(listen.to_string());
        command.current_dir(root()).envs(settings.environment());
        let mut process = Process::spawn(command.stdout(Stdio::piped()), STOP_LIMIT)?;
        let stdout = process.take_stdout().context("the host has no output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Read on when nobody waits any more, so that the host never blocks on a full pipe.
                let _ = sender.send(line);
            }
        });
        let line = lines
            .recv_timeout(START_LIMIT)
            .map_err(|_| match process.wait(POLL) {
                Ok(Some(status)) => anyhow!("the host ended at start ({status})"),
                _ => anyhow!("the host did not say where it listens"),
            })?;
        let url = line
            .strip_prefix("Serving ")
            .with_context(|| format!("the host said {line:?}"))?
            .to_owned();
        Ok(Self {
            process,
            lines: Some(lines),
            url,
        })
    }

    /// Has the embedded host load manifest and components again. False when it could not, said why,
    /// and serves what it served before.
    pub async fn reload(&mut self) -> Result<bool> {
        let lines = self.lines.as_ref().context("this host does not reload")?;
        self.process.hang_up()?;
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            match lines.try_recv() {
                Ok(line) => return Ok(line == "Reloaded"),
                Err(TryRecvError::Empty) => tokio::time::sleep(POLL).await,
                Err(TryRecvError::Disconnected) => bail!("the host ended while it reloaded"),
            }
        }
        bail!("the host did not reload within {START_LIMIT:?}")
    }

    /// Waits until the app says that it is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let url = format!("{}/api/v1/health/ready", self.url);
        let client = plain_http()?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let last = match client.get(&url).send().await {
                Ok(response) if response.status().is_success() => return Ok(()),
                Ok(response) => format!("{}: {}", response.status(), response.text().await?),
                Err(error) => error.to_string(),
            };
            if let Some(status) = self.process.exit_status()? {
                bail!("the host ended ({status}); its last words are above");
            }
            if Instant::now() >= deadline {
                bail!("{url} is not ready: {last}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for the host to end, which it does not do by itself: always an error.
    pub async fn watch(&mut self) -> Result<()> {
        loop {
            if let Some(status) = self.process.exit_status()? {
                bail!("the host ended ({status}); its last words are above");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Where cargo puts the embedded host.
pub fn devhost_path() -> PathBuf {
    target_dir().join("debug").join("devhost")
}

fn spin_version() -> Result<Version> {
    let output = Command::new("spin")
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .context("Spin is not installed")?;
    parse_spin_version(&String::from_utf8_lossy(&output.stdout))
}

/// The version in `spin 4.1.0 (a1b2c3d 2026-08-01)`. A pre-release counts as the release before.
fn parse_spin_version(text: &str) -> Result<Version> {
    let word = text.split_whitespace().nth(1).unwrap_or_default();
    Version::parse(word).with_context(|| format!("cannot read Spin's version from {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_SPIN, parse_spin_version};

    #[test]
    fn knows_which_spin_is_new_enough() {
        for (text, enough) in [
            ("spin 4.1.0 (a1b2c3d 2026-08-01)\n", true),
            ("spin 4.12.3", true),
            ("spin 5.0.0-pre0 (a1b2c3d 2026-08-01)", true),
            ("spin 4.1.0-pre0", false),
            ("spin 4.0.2 (a1b2c3d 2026-05-01)", false),
            ("spin 3.6.1", false),
        ] {
            assert_eq!(
                parse_spin_version(text).unwrap() >= OLDEST_SPIN,
                enough,
                "{text}"
            );
        }
        assert!(parse_spin_version("Spin: a model checker").is_err());
    }
}
