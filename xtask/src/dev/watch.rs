//! `cargo xtask up --watch`: rebuilds components whose files changed, and makes the host reload them.

mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::dev::host::Host;
use crate::gates::test_runner::Running;
use crate::tools::build;
use crate::tools::cargo::{WASM, ensure_wasm_target};
use crate::tools::workspace::{manifest, root, step, target_dir};
use rules::Rules;

/// The profile of Cargo.toml that the components are built with.
const PROFILE: &str = "wasm-dev";
/// Longest gap between changes that count as one: an editor writes, renames and removes.
const QUIET: Duration = Duration::from_millis(200);
/// Longest wait for a series of changes to end.
const LONGEST: Duration = Duration::from_secs(3);

/// Builds all components as later rebuilds do, and returns the manifest that serves them. The release
/// build, which images and most tests use, stays untouched.
pub async fn prepare(state: &Path) -> Result<PathBuf> {
    ensure_wasm_target()?;
    rebuild(&build::COMPONENTS).await?;
    write_manifest(state)
}

/// Writes the project's manifest with the components of this profile.
fn write_manifest(state: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(manifest()).context("cannot read spin.toml")?;
    let built = target_dir().join(WASM).join(PROFILE);
    let built = built
        .to_str()
        .context("the path of the target folder is not UTF-8")?;
    let text = text.replace(&format!("target/{WASM}/release"), built);
    let path = state.join("watch.toml");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

async fn rebuild(packages: &[&str]) -> Result<()> {
    step(&format!("building {}", packages.join(", ")));
    let mut command = build::wasm_of(PROFILE, packages, root(), &target_dir())?;
    let status = Running::start(&mut command)?.wait().await?;
    if !status.success() {
        bail!("the build failed");
    }
    Ok(())
}

/// Follows the files until the host ends. It never ends by itself, so this is always an error.
pub async fn follow(host: &mut Host, state: &Path) -> Result<()> {
    let mut changes = Changes::watch(root())?;
    step("watching the files of the components; press Ctrl-C to stop");
    loop {
        let changed = tokio::select! {
            changed = changes.next() => changed?,
            ended = host.watch() => return ended,
        };
        if changed.is_empty() {
            continue;
        }
        match apply(&changed, host, state).await {
            Ok(true) => step("reloaded"),
            Ok(false) => step("reload failed; the previous build is still served"),
            Err(error) => eprintln!("error: {error:#}\n==> the previous build is still served"),
        }
    }
}

/// Rebuilds and reloads; false when the host could not load the result.
async fn apply(changed: &Changed, host: &mut Host, state: &Path) -> Result<bool> {
    let packages: Vec<_> = changed.components.iter().map(String::as_str).collect();
    if !packages.is_empty() {
        rebuild(&packages).await?;
    }
    write_manifest(state)?;
    host.reload().await
}

/// Work that changed files require.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changed {
    components: BTreeSet<String>,
    manifest: bool,
}

impl Changed {
    fn is_empty(&self) -> bool {
        self.components.is_empty() && !self.manifest
    }
}

/// Changes of files below a folder.
struct Changes {
    root: PathBuf,
    rules: Rules,
    paths: UnboundedReceiver<PathBuf>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches the files that the rules of `root`'s spin.toml name, and spin.toml itself.
    fn watch(root: &Path) -> Result<Self> {
        let root = root.canonicalize()?;
        let rules = Rules::read(&root.join("spin.toml"))?;
        let (sender, paths) = unbounded_channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // Reads are ignored, or the compiler's would start it again.
                for path in event
                    .into_iter()
                    .filter(|event| !event.kind.is_access())
                    .flat_map(|event| event.paths)
                {
                    // The receiver is gone when the command ends.
                    let _ = sender.send(path);
                }
            })?;
        // Folders, not files: an editor that renames a new file into place creates another file.
        watcher.watch(&root, RecursiveMode::NonRecursive)?;
        for folder in rules.folders() {
            let folder = root.join(folder);
            watcher
                .watch(&folder, RecursiveMode::Recursive)
                .with_context(|| format!("cannot watch {}", folder.display()))?;
        }
        Ok(Self {
            root,
            rules,
            paths,
            _watcher: watcher,
        })
    }

    /// Waits for a change and for the end of those that follow it closely.
    async fn next(&mut self) -> Result<Changed> {
        let first = self
            .paths
            .recv()
            .await
            .context("the file watcher has stopped")?;
        let begun = Instant::now();
        let mut paths = BTreeSet::from([first]);
        while begun.elapsed() < LONGEST {
            match tokio::time::timeout(QUIET, self.paths.recv()).await {
                Ok(path) => paths.extend(path),
                Err(_) => break,
            }
        }
        let relative = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok());
        let mut changed = Changed::default();
        for path in relative {
            changed.manifest |= path == Path::new("spin.toml");
            changed.components.extend(self.rules.components(path));
        }
        if changed.manifest {
            // New globs apply from now on; new folders after the command is restarted.
            match Rules::read(&self.root.join("spin.toml")) {
                Ok(rules) => self.rules = rules,
                Err(error) => eprintln!("error: {error:#}"),
            }
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests;
