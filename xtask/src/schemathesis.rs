//! Installs schemathesis, which holds the running app against its document.

use std::path::PathBuf;

use anyhow::Result;

use crate::tools;

/// The program; installs what is missing.
pub fn provide() -> Result<PathBuf> {
    let bin = tools::python("schemathesis", "tests/schemathesis/requirements.txt")?;
    Ok(bin.join("schemathesis"))
}
