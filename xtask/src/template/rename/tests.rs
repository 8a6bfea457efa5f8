//! Tests of the rules and of rejected names.

mod complete;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::names::{Name, Spelling};
use super::plan;
use super::rules::{CURRENT, Renaming};
use super::tree::Tree;
use crate::tools::cargo::check;
use crate::tools::workspace::root;

/// Names that no file of this project contains. Concatenated, so that this file does not contain them either.
const ONE_WORD: &str = concat!("qua", "rry");
const TWO_WORDS: &str = concat!("slate-", "qua", "rry");

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn renaming(new: &str) -> Renaming {
    Renaming::new(&name(CURRENT), &name(new))
}

/// A project with these files, which git tracks.
fn project(files: &[(&str, &str)]) -> (TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    track(folder.path());
    let tree = Tree::read(folder.path()).unwrap();
    (folder, tree)
}

fn track(folder: &Path) {
    for arguments in [&["init", "--quiet"][..], &["add", "--all", "--force"]] {
        let mut git = Command::new("git");
        // A hook of this repository sets them.
        git.env_remove("GIT_DIR").env_remove("GIT_INDEX_FILE");
        check(git.args(arguments).current_dir(folder)).unwrap();
    }
}

#[test]
fn a_name_has_five_spellings() {
    for (text, spellings) in [
        (
            "whistle",
            ["whistle", "whistle", "whistle", "Whistle", "WHISTLE"],
        ),
        (
            "tin-whistle2",
            [
                "tin-whistle2",
                "tin_whistle2",
                "tinwhistle2",
                "TinWhistle2",
                "TIN_WHISTLE2",
            ],
        ),
    ] {
        let name = name(text);
        assert_eq!(
            Spelling::ALL.map(|spelling| name.spelled(spelling)),
            spellings
        );
    }
}

#[test]
fn invalid_and_reserved_names_are_rejected() {
    let long = "a".repeat(32);
    for text in [
        "",
        "a",
        &long,
        "Kettle",
        "copper_kettle",
        "copper--kettle",
        "-kettle",
        "kettle-",
        "2kettle",
        "copper-2",
        "kettle.",
        "schön",
        "order",
        "build",
        "pg",
        "pg-kettle",
        "kube-kettle",
    ] {
        assert!(text.parse::<Name>().is_err(), "{text:?}");
    }
    for text in [
        "ab",
        &"a".repeat(31),
        "order-book",
        "orders",
        "k8s-kettle2",
        "pgkettle",
    ] {
        assert!(text.parse::<Name>().is_ok(), "{text:?}");
    }
}

#[test]
fn the_spelling_depends_on_the_place() {
    let renaming = renaming("copper-kettle");
    for (path, text, expected) in [
        (
            "Cargo.toml",
            "roster-client.workspace",
            "copper-kettle-client.workspace",
        ),
        (
            "a.rs",
            "use roster_client::Role;",
            "use copper_kettle_client::Role;",
        ),
        (
            "a.rs",
            "Role::Roster, \"\\nRoster's\"",
            "Role::CopperKettle, \"\\nCopperKettle's\"",
        ),
        ("a.rs", "env(\"ROSTER_URL\")", "env(\"COPPER_KETTLE_URL\")"),
        (
            "a.rs",
            "\"roster:user:{id}\"",
            "\"copper-kettle:user:{id}\"",
        ),
        (
            "a.yaml",
            "namespace: roster-prod",
            "namespace: copper-kettle-prod",
        ),
        (
            "a.yaml",
            "roster/secrets: \"1\"",
            "copper-kettle/secrets: \"1\"",
        ),
        (
            "a.yaml",
            "rate(roster_logins_total{job=\"roster\"}[5m])",
            "rate(copper_kettle_logins_total{job=\"copper-kettle\"}[5m])",
        ),
        (
            "a.yaml",
            "runbook: b.md#rosterdown",
            "runbook: b.md#copperkettledown",
        ),
        ("spin.toml", "name = \"roster\"", "name = \"copper-kettle\""),
        (
            "spin.toml",
            "db_name = { default = \"roster\" }",
            "db_name = { default = \"copper_kettle\" }",
        ),
        (
            "a.md",
            "`CREATE ROLE roster`, see roster-dev",
            "`CREATE ROLE copper_kettle`, see copper-kettle-dev",
        ),
        (
            "a.yaml",
            "- name: POSTGRES_DB\n  value: roster\n",
            "- name: POSTGRES_DB\n  value: copper_kettle\n",
        ),
        (
            "a.yaml",
            "POSTGRES_DB: roster\nFILE: /run/roster",
            "POSTGRES_DB: copper_kettle\nFILE: /run/copper-kettle",
        ),
        (
            "migrations/1.sql",
            "-- The role 'roster'",
            "-- The role 'copper_kettle'",
        ),
        (
            "crates/accounts/src/password/context.rs",
            "\"roster\", \"Roster 1\"",
            "\"copperkettle\", \"CopperKettle 1\"",
        ),
        (
            "docs/decisions/1.md",
            "Roster, roster-roots",
            "Roster, roster-roots",
        ),
        ("CHANGELOG.md", "ROSTER_URL", "ROSTER_URL"),
        ("a.md", "nothing here", "nothing here"),
    ] {
        assert_eq!(renaming.apply(path, text).0, expected, "{path}");
    }
    assert_eq!(renaming.apply("a", "roster, Roster, roster-a").1, 3);
}

#[test]
fn a_second_rename_restores_every_file() {
    let (there, back) = (
        renaming(TWO_WORDS),
        Renaming::new(&name(TWO_WORDS), &name(CURRENT)),
    );
    for change in Tree::read(root()).unwrap().changes(&there) {
        let original = fs::read_to_string(root().join(&change.path)).unwrap();
        let (restored, occurrences) = back.apply(&change.new_path, &change.text);
        assert!(restored == original, "{} differs", change.path);
        assert_eq!(occurrences, change.occurrences, "{}", change.path);
        assert_eq!(
            back.apply(&change.new_path, &change.new_path).0,
            change.path
        );
    }
}

#[test]
fn ambiguous_names_are_rejected() {
    let (_folder, tree) = project(&[
        (
            "crates/users/lib.rs",
            "use roster_client::Role::{self, Roster};\n",
        ),
        (
            "crates/x.rs",
            "let floor = Role::Floor;\nlet wider = Role::Hallway; // \"text\"\n",
        ),
        ("a.md", "The hall has a gate_client.\n"),
    ]);
    let conflicts = |new| Vec::from_iter(tree.conflicts(&renaming(new)));
    assert_eq!(conflicts("users"), ["crates/users/lib.rs has this name"]);
    assert_eq!(
        conflicts("floor"),
        [
            "crates/x.rs has the identifier Floor",
            "crates/x.rs has the identifier floor"
        ]
    );
    assert_eq!(
        conflicts("wide-r"),
        ["crates/x.rs has the identifier wider"]
    );
    assert!(conflicts("text").is_empty(), "comments and strings");
    assert_eq!(conflicts("gate"), ["a.md contains gate_client"]);
    assert!(conflicts("hall").is_empty());
    assert_eq!(tree.files_with_word("hall"), ["a.md"]);
    let error = plan(&tree, &name("users")).err().unwrap().to_string();
    assert!(
        error.starts_with("users conflicts with names in this project"),
        "{error}"
    );
    let error = plan(&tree, &name(CURRENT)).err().unwrap().to_string();
    assert!(error.contains("is already"), "{error}");
}

#[test]
fn a_tree_with_uncommitted_changes_is_not_clean() {
    let (folder, tree) = project(&[("a.md", "")]);
    assert!(!tree.is_clean().unwrap());
    let mut commit = Command::new("git");
    commit.args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "commit.gpgsign=false",
    ]);
    check(
        commit
            .args(["commit", "--quiet", "--message=a"])
            .current_dir(folder.path()),
    )
    .unwrap();
    assert!(tree.is_clean().unwrap());
    fs::write(folder.path().join("b.md"), "").unwrap();
    assert!(!tree.is_clean().unwrap());
}
