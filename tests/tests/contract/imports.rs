//! Least capability: a built component imports and exports exactly the interfaces of its world in `wit/`.
//!
//! Reads the components that `spin.toml` names; build them first (`cargo xtask test` does).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use blackbox::artifact::{components, root};
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

/// Maximum size of a component: an unexpected increase, such as that of a dependency, exceeds it.
const MAX_BYTES: u64 = 2_400_000;

/// Returns the `imports` and `exports` of a world, each with the name of its interface.
fn interfaces(resolve: &Resolve, world: WorldId) -> Result<BTreeSet<String>> {
    let world = resolve.worlds.get(world).context("no such world")?;
    let name = |direction: &str, (key, _): (&WorldKey, &WorldItem)| {
        format!("{direction} {}", resolve.name_world_key(key))
    };
    let imports = world.imports.iter().map(|item| name("imports", item));
    let exports = world.exports.iter().map(|item| name("exports", item));
    Ok(imports.chain(exports).collect())
}

fn built(path: &Path) -> Result<BTreeSet<String>> {
    let wasm = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    match wit_component::decode(&wasm)? {
        DecodedWasm::Component(resolve, world) => interfaces(&resolve, world),
        DecodedWasm::WitPackage(..) => bail!("{} is no component", path.display()),
    }
}

#[test]
fn components_match_their_worlds() -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit"))?;
    let mut differences = Vec::new();
    for (name, path) in components()? {
        let world = resolve.select_world(&[package], Some(&name));
        let world = world.with_context(|| format!("wit/worlds.wit has no world for {name}"))?;
        let (world, component) = (interfaces(&resolve, world)?, built(&path)?);
        let beyond = component.difference(&world);
        differences.extend(beyond.map(|it| format!("{name} {it}, which its world does not name")));
        let unused = world.difference(&component);
        differences
            .extend(unused.map(|it| format!("the world {name} {it}, which {name} does not")));
    }
    ensure!(
        differences.is_empty(),
        "not as in wit/worlds.wit:\n{}",
        differences.join("\n")
    );
    Ok(())
}

#[test]
fn components_are_below_the_size_limit() -> Result<()> {
    for (name, path) in components()? {
        let metadata = fs::metadata(&path).with_context(|| format!("read {}", path.display()))?;
        let bytes = metadata.len();
        ensure!(
            bytes < MAX_BYTES,
            "{name} has {bytes} bytes, more than {MAX_BYTES}"
        );
    }
    Ok(())
}
