//! Programs and files that the quality gates use: from crates.io, each in one version, under target/.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use devservices::Program;
use serde_json::Value;

use crate::dev::servers::install_missing;
use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::{root, step, target_dir};

/// Settings of the release profile, under which programs are built: their own, most of which optimise the whole
/// program at link time, take minutes for a program that runs for seconds.
const PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
];

/// A program that `cargo install` builds.
pub struct CargoTool {
    pub name: &'static str,
    pub version: &'static str,
    /// Arguments of `cargo install`.
    pub options: &'static [&'static str],
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
        install.args(self.options).arg(self.name);
        check(install.envs(PROFILE))?;
        fs::write(noted, self.version)?;
        Ok(program)
    }
}

/// Returns the folder with the source of a crate, which cargo downloads and verifies, but does not build.
pub fn source_of(name: &str, version: &str) -> Result<PathBuf> {
    let folder = target_dir().join("tools").join(format!("{name}-source"));
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let manifest = folder.join("Cargo.toml");
    // The folder is inside the project, but no part of its workspace.
    let text = format!(
        "[workspace]\n[package]\nname = \"source\"\nedition = \"2024\"\n[dependencies]\n{name} = \"={version}\"\n"
    );
    fs::write(&manifest, text)?;
    let mut metadata = cargo();
    metadata.args(["metadata", "--quiet", "--format-version", "1"]);
    metadata.arg("--manifest-path").arg(manifest);
    let output = metadata
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo metadata failed");
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let is_named = |package: &&Value| package.get("name").is_some_and(|found| found == name);
    let package = packages
        .and_then(|all| all.iter().find(is_named))
        .with_context(|| format!("no package {name}"))?;
    let manifest = package.get("manifest_path").and_then(Value::as_str);
    let folder = manifest.and_then(|path| Path::new(path).parent());
    Ok(folder.context("the package has no path")?.to_owned())
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
