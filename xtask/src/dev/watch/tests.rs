//! Files that change in a folder like the project's.

use std::fs;

use tempfile::TempDir;

use super::*;

const MANIFEST: &str = r#"
[component.users.build]
watch = ["components/users/src/**/*.rs", "crates/*/src/**/*.rs", "Cargo.lock"]
[component.docs.build]
watch = ["crates/*/src/**/*.rs", "Cargo.lock"]
"#;

fn project() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in ["components/users/src", "crates/web/src", "target"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    for (path, text) in [
        ("spin.toml", MANIFEST),
        ("Cargo.lock", ""),
        ("components/users/src/lib.rs", "before"),
        ("crates/web/src/app.rs", "before"),
    ] {
        fs::write(folder.path().join(path), text).unwrap();
    }
    folder
}

fn changed(components: &[&str], manifest: bool) -> Changed {
    Changed {
        components: components.iter().map(|name| (*name).to_owned()).collect(),
        manifest,
    }
}

/// The next change that concerns anything.
async fn next(changes: &mut Changes) -> Changed {
    let found = async {
        loop {
            let changed = changes.next().await.unwrap();
            if !changed.is_empty() {
                return changed;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .unwrap()
}

#[tokio::test]
async fn written_and_renamed_files_change_their_components() {
    let folder = project();
    let mut changes = Changes::watch(folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("components/users/src/lib.rs"), "after").unwrap();
    assert_eq!(next(&mut changes).await, changed(&["users"], false));
    // As editors save: a new file beside the old one takes its name.
    fs::write(path("crates/web/src/.app.rs.tmp"), "after").unwrap();
    fs::rename(
        path("crates/web/src/.app.rs.tmp"),
        path("crates/web/src/app.rs"),
    )
    .unwrap();
    assert_eq!(next(&mut changes).await, changed(&["docs", "users"], false));
    // Again, because the file watched before has been replaced.
    fs::write(path("crates/web/src/.app.rs.tmp"), "again").unwrap();
    fs::rename(
        path("crates/web/src/.app.rs.tmp"),
        path("crates/web/src/app.rs"),
    )
    .unwrap();
    assert_eq!(next(&mut changes).await, changed(&["docs", "users"], false));
    fs::create_dir(path("crates/web/src/new")).unwrap();
    fs::write(path("Cargo.lock"), "after").unwrap();
    assert_eq!(next(&mut changes).await, changed(&["docs", "users"], false));
}

#[tokio::test]
async fn simultaneous_changes_are_reported_once() {
    let folder = project();
    let mut changes = Changes::watch(folder.path()).unwrap();
    for count in 0..20 {
        let text = count.to_string();
        fs::write(folder.path().join("components/users/src/lib.rs"), &text).unwrap();
        fs::write(folder.path().join("spin.toml"), MANIFEST).unwrap();
    }
    assert_eq!(next(&mut changes).await, changed(&["users"], true));
    let more = tokio::time::timeout(2 * QUIET, changes.next()).await;
    assert!(more.is_err(), "{:?}", more.unwrap().unwrap());
}

#[tokio::test]
async fn unrelated_files_and_reads_change_nothing() {
    let folder = project();
    let mut changes = Changes::watch(folder.path()).unwrap();
    fs::read(folder.path().join("crates/web/src/app.rs")).unwrap();
    fs::write(folder.path().join("target/users.wasm"), "built").unwrap();
    fs::write(
        folder.path().join("components/users/src/lib.rs.orig"),
        "kept",
    )
    .unwrap();
    fs::write(folder.path().join("Cargo.lock"), "after").unwrap();
    assert_eq!(next(&mut changes).await, changed(&["docs", "users"], false));
}
