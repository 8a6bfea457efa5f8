//! Host that serves the suites, and the tests that cannot pass on Spin.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use devservices::HostProgram;

/// Tests that cannot pass on Spin, by suite and name, each with its reason.
const NOT_ON_SPIN: &[(&str, &str)] = &[
    (
        "faults::host::sigterm_lets_requests_in_flight_finish",
        "Spin exits on SIGTERM without finishing requests; the edge drains a pod before it stops",
    ),
    (
        "attacks::exhaustion_connections::an_unfinished_head_is_cut_off",
        "Spin has no timeout for a request's head; the edge has one",
    ),
];

/// Path of the embedded host's program, next to other build artifacts.
///
/// # Errors
/// If `ROSTER_DEVHOST` is not set.
pub fn devhost() -> Result<PathBuf> {
    let path = env::var_os("ROSTER_DEVHOST");
    path.map(PathBuf::from)
        .context("ROSTER_DEVHOST is not set; run `cargo xtask test`")
}

/// Program that `ROSTER_HOST` selects: `embedded` (the default), or `spin` from PATH.
///
/// # Errors
/// If it is neither.
pub fn program() -> Result<HostProgram> {
    match env::var("ROSTER_HOST").as_deref() {
        Ok("spin") => Ok(HostProgram::Spin("spin".into())),
        Ok("embedded") | Err(env::VarError::NotPresent) => Ok(HostProgram::Embedded(devhost()?)),
        other => bail!("invalid ROSTER_HOST: {other:?}; expected `embedded` or `spin`"),
    }
}

/// Returns true on Spin, for a test that cannot pass there: the test must return. The reason is written
/// to the file that `ROSTER_NOT_RUN` names; `cargo xtask test` prints its lines at the end.
///
/// # Panics
/// If no reason is listed here for the test.
pub fn not_on_spin(test: &str) -> bool {
    let reason = NOT_ON_SPIN.iter().find(|(name, _)| *name == test);
    let (name, reason) = reason.unwrap_or_else(|| panic!("no reason is listed for {test}"));
    if !matches!(program(), Ok(HostProgram::Spin(_))) {
        return false;
    }
    let line = format!("{name}: {reason}\n");
    match env::var_os("ROSTER_NOT_RUN") {
        Some(path) => File::options()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut notes| notes.write_all(line.as_bytes()))
            .expect("a note"),
        None => eprint!("not run on Spin: {line}"),
    }
    true
}
