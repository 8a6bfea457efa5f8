//! Installs what the services of the documentation and the clients run on: Python packages, Node.js and Envoy.

use std::env::{join_paths, split_paths, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::tools::cargo::check;
use crate::tools::cargo_tools;
use crate::tools::workspace::{root, target_dir};

/// Folder of the services' packages.
const FOLDER: &str = "tests/services";
/// Folder of the client's packages, and the one below the folder of the programs that they are installed in.
const CLIENT: (&str, &str) = ("clients/typescript", "typescript");
const PACKAGES: [&str; 2] = ["package.json", "package-lock.json"];

/// Returns the folder with the programs in `bin`, the services' packages of Node.js in `node_modules`, and those of the
/// TypeScript client in `typescript/node_modules`; installs missing parts.
pub fn provide() -> Result<PathBuf> {
    let bin = cargo_tools::python("services", &format!("{FOLDER}/requirements.txt"))?;
    let folder = target_dir().join("services");
    let (client, below) = CLIENT;
    install(&bin, FOLDER, &folder)?;
    install(&bin, client, &folder.join(below))?;
    Ok(folder)
}

/// Installs the packages of Node.js that the files in `from` name into `folder`, unless they are there.
fn install(bin: &Path, from: &str, folder: &Path) -> Result<()> {
    let wanted = read(root().join(from).join(PACKAGES[1]))?;
    let is_installed = folder.join("node_modules").exists()
        && fs::read(folder.join(PACKAGES[1])).is_ok_and(|text| text == wanted);
    if is_installed {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    for name in PACKAGES {
        fs::write(folder.join(name), read(root().join(from).join(name))?)?;
    }
    let others = var_os("PATH").unwrap_or_default();
    let path = join_paths([bin.to_owned()].into_iter().chain(split_paths(&others)))?;
    let mut npm = Command::new(bin.join("npm"));
    npm.args(["ci", "--silent", "--no-audit", "--no-fund"]);
    check(npm.current_dir(folder).env("PATH", path))
}

fn read(path: PathBuf) -> Result<Vec<u8>> {
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
