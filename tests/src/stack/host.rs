//! Host of a private stack.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use devservices::{HostOptions, HostProcess, HostProgram};

use super::variables::Variables;
use crate::host::devhost;

/// Starts a host of `manifest` on a free port, with its files in `folder`. Its standard error is appended to
/// `log`. The error has the log as its context.
pub(super) fn start(
    program: &HostProgram,
    manifest: &Path,
    variables: &Variables,
    folder: &Path,
    log: &Path,
) -> Result<HostProcess> {
    let folder = tempfile::Builder::new()
        .prefix("host-")
        .tempdir_in(folder)?;
    let options = HostOptions {
        manifest,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        // Removed with the stack's folder.
        folder: &folder.keep(),
        cache: Some(&devhost()?.with_file_name("blackbox-components")),
        log: Some(File::options().create(true).append(true).open(log)?),
    };
    HostProcess::start(program, options, variables.environment())
        .with_context(|| fs::read_to_string(log).unwrap_or_default())
}

/// Manifest of the suites.
pub(super) fn manifest() -> PathBuf {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/../spin.toml");
    std::env::var_os("ROSTER_MANIFEST").map_or_else(|| project.into(), PathBuf::from)
}
