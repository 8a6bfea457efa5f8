//! Runs shellcheck on every shell script of the repository.

use std::path::PathBuf;
use std::process::Command;

/// Returns the files in a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(delivery::root().join(folder)).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no such files");
    files
}

fn check(options: &[&str], files: &[PathBuf]) {
    let output = Command::new("shellcheck")
        .arg("--external-sources")
        .args(options)
        .args(files)
        .current_dir(delivery::root())
        .output()
        .expect("shellcheck is not on PATH");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Enables all rules but two, which forbid functions in conditions (SC2310) and substitutions (SC2312).
#[test]
fn the_scripts_pass_every_shellcheck_rule() {
    let mut all = files("scripts", ".sh");
    all.extend(files("crates/delivery/tests/scripts/programs", ""));
    check(&["--enable=all", "--exclude=SC2310,SC2312"], &all);
}

#[test]
fn the_other_scripts_pass_shellcheck() {
    let mut all = files(".ci", "run");
    for folder in ["k8s/base/migrate", "k8s/base/sweep", "k8s/overlays/dev"] {
        all.extend(files(folder, ".sh"));
    }
    all.extend(files("k8s/components/pgbouncer", ".sh"));
    check(&[], &all);
}
