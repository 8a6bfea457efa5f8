//! The host that serves the components: `spin up`, or the embedded one.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use devservices::{HostOptions, HostProcess, HostProgram};
use semver::Version;
use tempfile::TempDir;

use crate::dev::settings::Settings;
use crate::tools::build;
use crate::tools::workspace::{step, target_dir};

/// The first Spin that runs WASI 0.3.0 components.
const OLDEST_SPIN: Version = Version::new(4, 1, 0);
/// Includes compiling the components and connecting the app.
const START_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// Host of the components.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Kind {
    /// `spin up`, from PATH.
    Spin,
    /// `devhost` of this workspace.
    Embedded,
}

impl Kind {
    /// Name on the command line and in `ROSTER_HOST`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Embedded => "embedded",
        }
    }

    /// Spin when a release that is new enough is installed, else the embedded host.
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
            Kind::Spin => {
                let version = spin_version()?;
                if !serves(&version) {
                    bail!("Spin {version} is too old: {OLDEST_SPIN} or later is required");
                }
                if !version.pre.is_empty() {
                    eprintln!(
                        "warning: Spin {version} is a pre-release, which may differ from the release"
                    );
                }
                Ok(Self::Spin(version))
            }
            Kind::Embedded => {
                step("building the embedded host");
                build::native(&["devhost"], &[])?;
                Ok(Self::embedded())
            }
        }
    }

    /// The embedded host, as built by cargo.
    pub fn embedded() -> Self {
        Self::Embedded(devhost_path())
    }

    fn executable(&self) -> HostProgram {
        match self {
            Self::Spin(_) => HostProgram::Spin("spin".into()),
            Self::Embedded(path) => HostProgram::Embedded(path.clone()),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spin(version) => write!(formatter, "Spin {version}"),
            Self::Embedded(_) => formatter.write_str("the embedded host"),
        }
    }
}

/// Client for the host, which speaks plain HTTP: TLS is set up only because reqwest requires it.
fn plain_http() -> reqwest::Result<reqwest::Client> {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .tls_certs_only([])
        .build()
}

/// A running host. Dropping it completes the requests in flight, then stops it.
pub struct Host {
    process: HostProcess,
    /// `http://address:port`
    pub url: String,
    _folder: TempDir,
}

impl Host {
    /// Starts a host of `manifest` on `listen` with `settings` in its environment; returns when it listens.
    pub fn start(
        manifest: &Path,
        program: &Program,
        listen: SocketAddr,
        settings: &Settings,
    ) -> Result<Self> {
        step(&format!("starting {program}"));
        let folder = tempfile::Builder::new().prefix("roster-host-").tempdir()?;
        let options = HostOptions {
            manifest,
            listen,
            folder: folder.path(),
            cache: None,
            log: None,
        };
        let process = HostProcess::start(&program.executable(), options, settings.environment())?;
        Ok(Self {
            url: process.url.clone(),
            process,
            _folder: folder,
        })
    }

    /// Makes the embedded host reload manifest and components. False when it failed, reported why, and
    /// still serves the previous ones.
    pub async fn reload(&mut self) -> Result<bool> {
        self.process.reload()?;
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            match self.process.reloaded()? {
                Some(outcome) => return Ok(outcome),
                None => tokio::time::sleep(POLL).await,
            }
        }
        bail!("the host did not reload within {START_LIMIT:?}")
    }

    /// Waits until the app is ready.
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
            if let Some(status) = self.process.process.exit_status()? {
                bail!("the host exited ({status}); see its output above");
            }
            if Instant::now() >= deadline {
                bail!("{url} is not ready: {last}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for the host to end. It never ends by itself, so this is always an error.
    pub async fn watch(&mut self) -> Result<()> {
        loop {
            if let Some(status) = self.process.process.exit_status()? {
                bail!("the host exited ({status}); see its output above");
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Path of the embedded host that cargo builds.
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

/// The version in `spin 4.1.0 (a1b2c3d 2026-08-01)`.
fn parse_spin_version(text: &str) -> Result<Version> {
    let word = text.split_whitespace().nth(1).unwrap_or_default();
    Version::parse(word).with_context(|| format!("cannot read Spin's version from {text:?}"))
}

/// Returns true for a Spin that runs the components. Pre-releases do, but are only used on request.
fn serves(version: &Version) -> bool {
    (version.major, version.minor) >= (OLDEST_SPIN.major, OLDEST_SPIN.minor)
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_SPIN, parse_spin_version, serves};

    #[test]
    fn spin_versions_are_compared_with_the_minimum() {
        for (text, chosen, accepted) in [
            ("spin 4.1.0 (a1b2c3d 2026-08-01)\n", true, true),
            ("spin 4.12.3", true, true),
            ("spin 5.0.0-pre0 (a1b2c3d 2026-08-01)", true, true),
            ("spin 4.1.0-pre0", false, true),
            ("spin 4.0.2 (a1b2c3d 2026-05-01)", false, false),
            ("spin 3.6.1", false, false),
        ] {
            let version = parse_spin_version(text).unwrap();
            assert_eq!(
                (version >= OLDEST_SPIN, serves(&version)),
                (chosen, accepted),
                "{text}"
            );
        }
        assert!(parse_spin_version("Spin: a model checker").is_err());
    }
}
