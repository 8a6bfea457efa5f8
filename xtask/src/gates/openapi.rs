//! `cargo xtask openapi`: generates the API's document from the code.

use std::fs;

use anyhow::{Context, Result};

use crate::tools::cargo::output_of;
use crate::tools::workspace::{root, step};

/// Writes openapi/v1.json, which the docs component serves and the client is generated from.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also makes it the baseline that later documents are compared with, for a release.
    #[arg(long)]
    release: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    step("building the document");
    let document = output_of(&["--bin", "openapi"]).context("cannot generate the document")?;
    let mut names = vec!["v1.json"];
    if arguments.release {
        names.push("released.json");
    }
    for name in names {
        let path = root().join("openapi").join(name);
        fs::write(&path, &document).with_context(|| format!("cannot write {}", path.display()))?;
        step(&format!("wrote {}", path.display()));
    }
    Ok(())
}
