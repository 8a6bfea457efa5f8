//! Runs the Jenkinsfiles in Groovy with stubs for Jenkins' steps: `jenkins/` has them, and the rules.

use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{read, tools};

/// Facts about a Jenkinsfile that keeps the rules.
#[derive(Deserialize)]
pub struct Jenkinsfile {
    /// Commands of `sh` that it runs with any parameters.
    pub scripts: Vec<String>,
    registry: Option<String>,
}

/// Runs a script of `jenkins/`, and returns its output; `None` where Groovy may be missing.
fn groovy(script: &str) -> Result<Option<String>> {
    if !tools::are_provided() {
        return Ok(None);
    }
    let root = delivery::root();
    let folder = root.join("crates/delivery/tests/pipelines/jenkins");
    let output = Command::new("groovy")
        // The runs are short.
        .env("JAVA_OPTS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")
        .arg("-cp")
        .args([&folder, &folder.join(script), &root])
        .output()
        .context("groovy is not on PATH")?;
    let problems = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "\n{problems}");
    Ok(Some(String::from_utf8(output.stdout)?))
}

/// Returns the Jenkinsfile and Jenkinsfile.rollback if they keep the rules.
pub fn files() -> Option<&'static [Jenkinsfile; 2]> {
    static FILES: LazyLock<Option<[Jenkinsfile; 2]>> = LazyLock::new(|| {
        let printed = groovy("check.groovy").unwrap_or_else(|error| panic!("{error:#}"));
        printed.map(|printed| serde_json::from_str(&printed).unwrap())
    });
    FILES.as_ref()
}

#[test]
fn the_jenkinsfiles_keep_the_rules() {
    files();
}

#[test]
fn a_changed_jenkinsfile_is_reported() -> Result<()> {
    groovy("changes.groovy").map(drop)
}

#[test]
fn jenkins_and_the_overlays_use_one_image_name() -> Result<()> {
    let Some([release, _]) = files() else {
        return Ok(());
    };
    for environment in ["dev", "staging", "prod"] {
        let path = format!("k8s/overlays/{environment}/kustomization.yaml");
        let overlay: Value = serde_yaml_ng::from_str(&read(&path)?)?;
        let name = overlay.pointer("/images/0/newName").and_then(Value::as_str);
        assert_eq!(name, release.registry.as_deref(), "{path}");
    }
    Ok(())
}
