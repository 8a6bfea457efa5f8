//! `cargo xtask reproducible`: checks that the same commit gives the same components anywhere.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::build::{self, COMPONENTS};
use crate::tools::cargo::{check, ensure_wasm_target};
use crate::tools::workspace::{is_changed, reports_dir, root, step};

/// Builds the components of the last commit from scratch in another folder and compares their SHA-256 with
/// those of this checkout. If files of this checkout are changed, builds the commit twice.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the command.
pub fn run(_: &Arguments) -> Result<()> {
    ensure_wasm_target()?;
    let first = if is_changed()? {
        digests("a")?
    } else {
        let built = build::components()?;
        let folder = built.first().and_then(|file| file.parent());
        sha256(folder.context("there is no component")?)?
    };
    let second = digests("another-folder")?;
    if first != second {
        bail!("two builds of one commit differ:\n{first}\nand\n{second}");
    }
    print!("{first}");
    let report = reports_dir()?.join("wasm.sha256");
    fs::write(&report, first).with_context(|| format!("cannot write {}", report.display()))
}

/// Output of sha256sum for the components, built in a fresh folder of that name.
fn digests(name: &str) -> Result<String> {
    let scratch = tempfile::tempdir()?;
    let checkout = scratch.path().join(name);
    step(&format!(
        "building the last commit in {}",
        checkout.display()
    ));
    let mut clone = Command::new("git");
    check(clone.args(["clone", "--quiet"]).arg(root()).arg(&checkout))?;
    let target = checkout.join("target");
    check(&mut build::wasm(&COMPONENTS, &checkout, &target)?)?;
    sha256(&target.join("wasm32-wasip2/release"))
}

fn sha256(folder: &Path) -> Result<String> {
    let output = Command::new("sha256sum")
        .args(COMPONENTS.map(|name| format!("{name}.wasm")))
        .current_dir(folder)
        .output()
        .context("cannot run sha256sum")?;
    if !output.status.success() {
        bail!(
            "sha256sum failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
