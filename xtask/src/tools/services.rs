//! Installs what the services of the documentation run on: Python packages, Node.js and Envoy.

use std::env::{join_paths, split_paths, var_os};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools::cargo::check;
use crate::tools::cargo_tools;
use crate::tools::workspace::{root, target_dir};

const FOLDER: &str = "tests/services";
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// Returns the folder with the programs in `bin` and the packages of Node.js in `node_modules`; installs
/// missing parts.
pub fn provide() -> Result<PathBuf> {
    let bin = cargo_tools::python("services", &format!("{FOLDER}/requirements.txt"))?;
    let folder = target_dir().join("services");
    let wanted = read(root().join(FOLDER).join(PACKAGES[1]))?;
    let is_installed = folder.join("node_modules").exists()
        && fs::read(folder.join(PACKAGES[1])).is_ok_and(|text| text == wanted);
    if !is_installed {
        for name in PACKAGES {
            fs::write(folder.join(name), read(root().join(FOLDER).join(name))?)?;
        }
        let others = var_os("PATH").unwrap_or_default();
        let path = join_paths([bin.clone()].into_iter().chain(split_paths(&others)))?;
        let mut npm = Command::new(bin.join("npm"));
        npm.args(["ci", "--silent", "--no-audit", "--no-fund"]);
        check(npm.current_dir(&folder).env("PATH", path))?;
    }
    Ok(folder)
}

fn read(path: PathBuf) -> Result<Vec<u8>> {
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
