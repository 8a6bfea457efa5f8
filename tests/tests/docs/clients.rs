//! The clients for TypeScript and Python: generated, type-checked, and tested against an app.

use std::env::{join_paths, split_paths, var_os};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use blackbox::artifact::root;
use blackbox::stack::{ADMIN_EMAIL, ADMIN_PASSWORD, Stack, needs_host};

use crate::service::installed;

/// A copy of a client, in which the generator may write, and of the document at the same relative path.
struct Copy {
    _folder: tempfile::TempDir,
    client: PathBuf,
}

impl Copy {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let client = Path::new("clients").join(name);
        let listed = Command::new("git")
            .args(["ls-files", "-z", "openapi/v1.json"])
            .arg(&client)
            .current_dir(root())
            .output()
            .expect("git");
        let files = String::from_utf8(listed.stdout).expect("names");
        for file in files.split_terminator('\0') {
            let to = folder.path().join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect(file);
            fs::copy(root().join(file), to).expect(file);
        }
        Self {
            client: folder.path().join(client),
            _folder: folder,
        }
    }

    /// Runs a program of the installed ones in the folder of the client.
    fn run(&self, program: &str, arguments: &[&str], stack: &Stack) {
        let bin = installed().join("bin");
        let others = var_os("PATH").unwrap_or_default();
        let path = join_paths([bin.clone()].into_iter().chain(split_paths(&others)));
        let output = Command::new(bin.join(program))
            .args(arguments)
            .current_dir(&self.client)
            .env("PATH", path.expect("a PATH"))
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
