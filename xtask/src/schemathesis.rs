//! Installs schemathesis, which holds the running app against its document.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use devservices::Program;

use crate::cargo::check;
use crate::servers::install_missing;
use crate::workspace::{root, step, target_dir};

/// The program, in a virtual environment under target/, with the packages and hashes that
/// tests/schemathesis/requirements.txt names; installs what is missing.
pub fn provide() -> Result<PathBuf> {
    let requirements = root().join("tests/schemathesis/requirements.txt");
    let wanted = fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = target_dir().join("schemathesis");
    let program = folder.join("bin/schemathesis");
    let installed = folder.join("installed.txt");
    if program.exists() && fs::read(&installed).is_ok_and(|text| text == wanted) {
        return Ok(program);
    }
    install_missing(&[Program::Python])?;
    step("installing schemathesis");
    check(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--requirement",
    ]);
    check(pip.arg(&requirements).stdout(std::io::stderr()))?;
    fs::write(&installed, wanted)?;
    Ok(program)
}
