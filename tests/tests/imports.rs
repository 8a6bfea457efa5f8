//! Least capability: a built component imports and exports only what its world in `wit/` names.
//!
//! Reads the components that `spin.toml` names; build them first (`cargo xtask test` does).

#![allow(clippy::panic, reason = "a failed expectation is the result that a test reports")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

/// What a component may weigh.
const MAX_BYTES: u64 = 2_000_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The components of `spin.toml`: name and file. The manifest names files under `target/`, which
/// `CARGO_TARGET_DIR` moves.
fn components() -> Result<Vec<(String, PathBuf)>> {
    let manifest: toml::Table = fs::read_to_string(root().join("spin.toml"))?.parse()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let table = manifest.get("component").and_then(toml::Value::as_table);
    let table = table.context("spin.toml has no components")?;
    let path = |name: &String, component: &toml::Value| {
        let source = component.get("source").and_then(toml::Value::as_str);
        let source = Path::new(source.with_context(|| format!("{name} has no file as source"))?);
        Ok((name.clone(), match (&target, source.strip_prefix("target")) {
            (Some(target), Ok(inside)) => root().join(target).join(inside),
            _ => root().join(source),
        }))
    };
    table.iter().map(|(name, component)| path(name, component)).collect()
}

fn names<'a>(
    resolve: &Resolve,
    items: impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> BTreeSet<String> {
    items.into_iter().map(|(key, _)| resolve.name_world_key(key)).collect()
}

/// What `world` imports and exports, by the names of its interfaces.
fn interfaces(resolve: &Resolve, world: WorldId) -> [(&'static str, BTreeSet<String>); 2] {
    let world = &resolve.worlds[world];
    [("imports", names(resolve, &world.imports)), ("exports", names(resolve, &world.exports))]
}

#[test]
fn components_import_and_export_what_their_worlds_name() -> Result<()> {
    let mut declared = Resolve::default();
    let (package, _) = declared.push_dir(root().join("wit"))?;
    let mut wrong = Vec::new();
    for (name, path) in components()? {
        let world = declared.select_world(&[package], Some(&name));
        let world = world.with_context(|| format!("wit/worlds.wit has no world for {name}"))?;
        let wasm = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let DecodedWasm::Component(built, built_world) = wit_component::decode(&wasm)? else {
            bail!("{} is no component", path.display());
        };
        let allowed = interfaces(&declared, world);
        for ((what, found), (_, allowed)) in interfaces(&built, built_world).iter().zip(&allowed) {
            let beyond = found.difference(allowed);
            wrong.extend(beyond.map(|interface| format!("{name} {what} {interface}")));
        }
        let [_, (_, exports)] = &allowed;
        let [_, (_, built_exports)] = &interfaces(&built, built_world);
        let missing = exports.difference(built_exports);
        wrong.extend(missing.map(|interface| format!("{name} does not export {interface}")));
    }
    ensure!(wrong.is_empty(), "not as in wit/worlds.wit:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn worlds_allow_nothing_that_goes_unused() -> Result<()> {
    let mut declared = Resolve::default();
    let (package, _) = declared.push_dir(root().join("wit"))?;
    for (name, path) in components()? {
        let world = declared.select_world(&[package], Some(&name))?;
        let wasm = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let DecodedWasm::Component(built, built_world) = wit_component::decode(&wasm)? else {
            bail!("{} is no component", path.display());
        };
        let [(_, allowed), _] = interfaces(&declared, world);
        let [(_, found), _] = interfaces(&built, built_world);
        let unused: Vec<_> = allowed.difference(&found).collect();
        ensure!(unused.is_empty(), "the world {name} allows what is not imported: {unused:?}");
    }
    Ok(())
}

#[test]
fn components_stay_small() -> Result<()> {
    for (name, path) in components()? {
        let metadata = fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        let bytes = metadata.len();
        ensure!(bytes < MAX_BYTES, "{name} has {bytes} bytes, more than {MAX_BYTES}");
    }
    Ok(())
}
