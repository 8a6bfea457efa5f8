//! The clients for TypeScript and Python: generated, type-checked, and tested against an app.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use blackbox::artifact::copy_tracked;
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack, needs_host};

use crate::service::{installed, search_path};

/// A copy of a client, in which the generator may write, and of the document at the same relative path.
struct Copy {
    _folder: tempfile::TempDir,
    client: PathBuf,
}

impl Copy {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let client = format!("clients/{name}");
        copy_tracked(&[&client, "openapi/v1.json"], folder.path()).expect("a copy");
        Self {
            client: folder.path().join(client),
            _folder: folder,
        }
    }

    /// Runs a program of the installed ones in the folder of the client.
    fn run(&self, program: &str, arguments: &[&str], stack: &Stack) {
        let output = Command::new(installed().join("bin").join(program))
            .args(arguments)
            .current_dir(&self.client)
            .env("PATH", search_path(&self.client))
            .env("PYTHONPATH", "src")
            .env("MYPYPATH", "src")
            .env("ROSTER_URL", stack.client.base())
            .env("ROSTER_EMAIL", ADMIN_EMAIL)
            .env("ROSTER_PASSWORD", ADMIN_PASSWORD)
            .output()
            .expect(program);
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{program} {arguments:?}\n{printed}{errors}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_typescript_client_keeps_the_contract() {
    needs_host();
    let copy = Copy::of("typescript");
    let packages = installed().join("typescript/node_modules");
    symlink(packages, copy.client.join("node_modules")).expect("packages");
    let stack = Stack::start().await;
    copy.run("npm", &["test", "--silent"], &stack);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_client_keeps_the_contract() {
    needs_host();
    let copy = Copy::of("python");
    let stack = Stack::start().await;
    copy.run("python", &["generate.py"], &stack);
    let files = ["--strict", "generate.py", "src/roster_client", "tests"];
    copy.run("mypy", &files, &stack);
    copy.run("python", &["-m", "unittest", "discover", "tests"], &stack);
}
