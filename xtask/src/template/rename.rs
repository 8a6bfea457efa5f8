//! `cargo xtask rename`: gives a copy of this template its own name.

mod names;
mod rules;
mod tree;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Result, bail, ensure};

use self::names::Name;
use self::rules::{CURRENT, KEPT, Renaming};
use self::tree::{Change, Tree};
use crate::tools::cargo::{cargo, check};
use crate::tools::workspace::{root, state_dir, step};

/// Gives the project another name: application, packages, image, namespaces, metrics, environment
/// variables, database roles, documents and files.
#[derive(clap::Args)]
pub struct Arguments {
    /// New name, such as ledger or order-book: 2 to 31 lowercase letters, digits and hyphens.
    name: Name,
    /// Renames even if the working tree has uncommitted changes.
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<()> {
    let state = state_dir();
    // The new .gitignore does not list this folder, which contains passwords.
    ensure!(
        !state.exists(),
        "{} contains the data of `cargo xtask up`: stop `up` and delete the folder",
        state.display()
    );
    let tree = Tree::read(root())?;
    if !arguments.force {
        ensure!(
            tree.is_clean()?,
            "the working tree has uncommitted changes: commit them, or use --force"
        );
    }
    let (changes, same_words) = plan(&tree, &arguments.name)?;
    tree.write(&changes)?;
    finish(root())?;
    report(&arguments.name, &changes, &same_words, &Tree::read(root())?);
    Ok(())
}

/// Returns the changes, and the files that already contain the new name as a word. Fails if the new name is
/// ambiguous in this tree.
fn plan<'a>(tree: &'a Tree, name: &Name) -> Result<(Vec<Change>, Vec<&'a str>)> {
    let current = CURRENT.parse::<Name>()?;
    ensure!(
        *name != current,
        "the name of the project is already {current}"
    );
    let renaming = Renaming::new(&current, name);
    let conflicts = tree.conflicts(&renaming);
    if !conflicts.is_empty() {
        bail!(
            "{name} conflicts with names in this project: choose another name\n  {}",
            Vec::from_iter(conflicts).join("\n  ")
        );
    }
    Ok((tree.changes(&renaming), tree.files_with_word(name.as_str())))
}

/// Restores what depends on the length and the order of names: the format of the code, and Cargo.lock.
fn finish(root: &Path) -> Result<()> {
    step("rustfmt");
    check(cargo().args(["fmt", "--all"]).current_dir(root))?;
    step("Cargo.lock");
    let mut lock = cargo();
    lock.args(["update", "--quiet", "--workspace", "--offline"]);
    check(lock.current_dir(root))
}

fn report(name: &Name, changes: &[Change], same_words: &[&str], tree: &Tree) {
    for change in changes {
        println!("{change}");
    }
    let occurrences: usize = changes.iter().map(|change| change.occurrences).sum();
    println!(
        "\nRenamed {CURRENT} to {name}: {occurrences} occurrences in {} files.\n\
         Not changed, because they are the history of the template: {}.",
        changes.len(),
        KEPT.join(", ")
    );
    if !same_words.is_empty() {
        println!(
            "These files already contained the word {name}, possibly with another meaning: {}.",
            same_words.join(", ")
        );
    }
    println!(
        "\nSteps that remain:\n\
         - host names, addresses, registry, repository and teams, in {}\n\
         - values of your cluster (k8s/README.md), and credentials of your pipeline (Jenkinsfile)\n\
         - pictures in openapi/pictures: see ARCHITECTURE.md for the command\n\
         - introduction of README.md, CHANGELOG.md, LICENSE\n\
         - data of an existing deployment: roles, databases, metrics and namespaces keep the previous name\n\
         Then run `cargo xtask check` and `cargo xtask test`, and commit.",
        tree.files_with_placeholders().join(", ")
    );
}
