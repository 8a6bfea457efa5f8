//! Programs that the quality gates run: from crates.io, each in one version, under target/.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use devservices::Program;

use crate::dev::servers::install_missing;
use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::{root, step, target_dir};

/// Settings of the release profile, under which programs are built: their own, most of which optimise the whole
/// program at link time, take several times as long as the program then runs.
const PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// A program that `cargo install` builds.
pub struct CargoTool {
    pub name: &'static str,
    pub version: &'static str,
}

impl CargoTool {
    /// Returns the program; builds it unless this version exists.
    pub fn provide(&self) -> Result<PathBuf> {
        let folder = target_dir().join("tools");
        let program = folder.join("bin").join(self.name);
        let noted = folder.join(format!("{}.version", self.name));
        if program.exists() && fs::read(&noted).is_ok_and(|text| text == self.version.as_bytes()) {
            return Ok(program);
        }
        step(&format!("building {} {}", self.name, self.version));
        let mut install = cargo();
        install.args(["install", "--quiet", "--locked", "--force", "--root"]);
        install.arg(&folder).args(["--version", self.version]);
        check(install.arg(self.name).envs(PROFILE))?;
        fs::write(noted, self.version)?;
        Ok(program)
    }
}

/// Returns the `bin` folder of a virtual environment under target/ with the packages and hashes that
/// `requirements` (a file of this project) names; installs missing packages.
pub fn python(name: &str, requirements: &str) -> Result<PathBuf> {
    let requirements = root().join(requirements);
    let wanted = fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = target_dir().join(name);
    let bin = folder.join("bin");
    let installed = folder.join("installed.txt");
    if fs::read(&installed).is_ok_and(|text| text == wanted) {
        return Ok(bin);
    }
    install_missing(&[Program::Python])?;
    step(&format!("installing {name}"));
    let mut venv = Command::new("python3");
    check(venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(bin.join("python"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args(["--require-hashes", "--requirement"]);
    check(pip.arg(&requirements).stdout(std::io::stderr()))?;
    fs::write(&installed, wanted)?;
    Ok(bin)
}
