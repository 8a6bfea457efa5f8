//! `cargo xtask new-group`: adds an endpoint group with a list and a create endpoint over a table of its own.
//!
//! All texts are prepared in memory first: nothing is written unless every edit succeeds.

mod cluster;
mod draft;
mod edit;
mod files;
mod name;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::{root, step};
use name::Name;

/// Adds an endpoint group: a component with a list and a create endpoint over a table of its own, and the entries
/// that build, test, document and deploy it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Plural noun of lower-case letters and digits, such as `orders`.
    name: String,
    /// Singular of the name, for plurals such as `people`.
    #[arg(long)]
    singular: Option<String>,
    /// Checkout to change [default: this one].
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Prints the commands that write derived files instead of running them, because they compile native code.
    #[arg(long)]
    no_derived: bool,
}

/// Commands that write the files derived from the code.
const DERIVED: [[&str; 2]; 2] = [["xtask", "codegen"], ["xtask", "openapi"]];

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let root = arguments.root.as_deref().unwrap_or(root());
    let name = Name::parse(&arguments.name, arguments.singular.as_deref())?;
    let written = files::draft(root, &name)?.write()?;
    for path in &written {
        println!("{path}");
    }
    finish(root, &name)?;
    for command in DERIVED {
        if arguments.no_derived {
            println!("run: cargo {}", command.join(" "));
        } else {
            step(&format!("cargo {}", command.join(" ")));
            check(cargo().args(command).current_dir(root))?;
        }
    }
    println!("{}", name.render(NEXT));
    Ok(())
}

/// Formats the new code, and adds the package to Cargo.lock.
fn finish(root: &Path, name: &Name) -> Result<()> {
    step("formatting");
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.current_dir(root).args(["--edition", "2024"]);
    for path in [files::LIBRARY, files::SUITE, files::AUTHORIZATION] {
        rustfmt.arg(name.render(path));
    }
    check(&mut rustfmt)?;
    // Offline: the group adds no dependency.
    let update = ["update", "--workspace", "--offline", "--quiet"];
    check(cargo().args(update).current_dir(root))
}

const NEXT: &str = "\
The group `__names__` has GET and POST /api/v1/__names__, for admins. Next:
  cargo test -p __names__                                  its tests without servers
  cargo xtask test -- -E 'test(/__names__|authorization/)'  its suite, over HTTP
  cargo xtask up                                      the app with it
Its values are in components/__names__/src/__name__.rs, its statements in store.rs, its table in migrations/.
docs/endpoint-group.md describes the files, and how to add an endpoint.";
