//! Artifact in a real registry: `spin registry push` stores it, and it is returned by its digest, byte
//! for byte.
//!
//! Requires Spin 4.1 or later, which no package registry provides. Without it, `cargo xtask test` sets
//! the reason in `ROSTER_NO_REGISTRY`, and the test reports that it was skipped. The registry is the
//! CNCF's, from the system's packages.

use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use blackbox::artifact::{components, root};
use devservices::{Process, free_port};
use reqwest::header::ACCEPT;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Media type that Spin writes and the registry must return unchanged.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[tokio::test]
async fn the_registry_returns_the_artifact_byte_for_byte() -> Result<()> {
    if let Ok(reason) = env::var("ROSTER_NO_REGISTRY") {
        eprintln!("skipped: {reason}");
        return Ok(());
    }
    let registry = Registry::start().await?;
    let digest = push(&registry)?;
    let (tagged, by_digest) = (
        registry.get("manifests/1.0.0").await?,
        registry.get(&format!("manifests/{digest}")).await?,
    );
    assert_eq!(tagged, by_digest);
    assert_eq!(sha256(&by_digest), digest);
    let manifest: Value = serde_json::from_slice(&by_digest)?;
    let layers = manifest["layers"].as_array().context("there are layers")?;
    let mut returned = Vec::new();
    for layer in layers.iter().chain([&manifest["config"]]) {
        let digest = layer["digest"].as_str().context("a layer has a digest")?;
        let blob = registry.get(&format!("blobs/{digest}")).await?;
        assert_eq!(sha256(&blob), digest);
        returned.push(blob);
    }
    for (_, file) in components()? {
        let built = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        assert!(
            returned.contains(&built),
            "{} did not come back",
            file.display()
        );
    }
    // The same content is the same artifact: a second push returns the same digest.
    assert_eq!(push(&registry)?, digest);
    Ok(())
}

/// Pushes the built components and returns the digest that Spin prints.
fn push(registry: &Registry) -> Result<String> {
    let cache = tempfile::tempdir()?;
    let output = Command::new("spin")
        .args(["registry", "push", "--insecure", "--cache-dir"])
        .arg(cache.path())
        .arg(format!("{}/roster/api:1.0.0", registry.host))
        .current_dir(root())
        .env_remove("SPIN_ALWAYS_BUILD")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "spin failed: {log}");
    let digest = text
        .lines()
        .find_map(|line| line.strip_prefix("Pushed with digest "));
    Ok(digest
        .with_context(|| format!("no digest in: {text}"))?
        .trim()
        .to_owned())
}

fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// Separate registry, which ends with the test.
struct Registry {
    host: String,
    http: reqwest::Client,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Registry {
    const LIMIT: Duration = Duration::from_secs(20);

    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let host = format!("127.0.0.1:{}", free_port()?);
        let config = folder.path().join("config.yml");
        let data = folder.path().join("data");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
                 http: {{addr: \"{host}\"}}\n",
                data.display()
            ),
        )?;
        let mut command = Command::new("docker-registry");
        let mut process = Process::spawn(command.arg("serve").arg(config), Duration::from_secs(2))?;
        let http = roster_client::http(&format!("http://{host}"))?.build()?;
        let deadline = Instant::now() + Self::LIMIT;
        while http.get(format!("http://{host}/v2/")).send().await.is_err() {
            if let Some(status) = process.exit_status()? {
                bail!("the registry ended at start: {status}");
            }
            ensure!(Instant::now() < deadline, "the registry does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self {
            host,
            http,
            _process: process,
            _folder: folder,
        })
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let url = format!("http://{}/v2/roster/api/{path}", self.host);
        let answer = self.http.get(url).header(ACCEPT, MANIFEST).send().await?;
        Ok(answer.error_for_status()?.bytes().await?.to_vec())
    }
}
