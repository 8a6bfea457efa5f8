//! Installs schemathesis, which tests the running app against its document.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools::cargo_tools;

/// Returns the program; installs missing parts.
pub fn provide() -> Result<PathBuf> {
    let bin = cargo_tools::python("schemathesis", "tests/schemathesis/requirements.txt")?;
    Ok(bin.join("schemathesis"))
}
