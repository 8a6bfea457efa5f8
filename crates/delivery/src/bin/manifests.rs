//! Prints the problems of an environment's manifests, of this checkout or of another:
//! `cargo run --package delivery --bin manifests -- prod [FOLDER]`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use delivery::checks;
use delivery::kustomize;
use delivery::project::Project;

fn main() -> Result<ExitCode> {
    let overlay = std::env::args()
        .nth(1)
        .context("usage: manifests <overlay of k8s/overlays> [<checkout>]")?;
    let root = std::env::args_os().nth(2);
    let root = root.map_or_else(delivery::root, PathBuf::from);
    let project = Arc::new(Project::read(&root)?);
    let environment = kustomize::overlay(&project, &overlay)?;
    let mut found = checks::core_kinds::check([&environment].into_iter())?;
    found.extend(
        checks::ALL
            .iter()
            .flat_map(|(_, check)| check(&environment)),
    );
    for finding in &found {
        println!("{finding}");
    }
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
