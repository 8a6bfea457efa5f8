//! A copy of what the scripts work on, scripted programs in front of the real ones, and what was called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What a Secret in the scripted cluster holds, for whoever asks.
pub const SECRET: &str = "correct-horse-battery-staple";

/// The real programs that the scripts use; they find no others.
const TOOLS: [&str; 23] = [
    "awk",
    "bash",
    "cat",
    "cp",
    "cut",
    "date",
    "dirname",
    "env",
    "find",
    "git",
    "grep",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sha256sum",
    "sort",
    "tail",
    "tee",
    "touch",
    "tr",
    "wc",
    "xargs",
];

/// A digest that stands for an artifact, by a letter.
pub fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

/// How a script ended and what it said.
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Everything it said.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts the exit status, and returns what was said.
    pub fn ended(&self, status: i32) -> String {
        let output = self.output();
        assert_eq!(self.status, status, "{output}");
        assert!(!output.contains('\u{1b}'), "colours without a terminal");
        output
    }
}

/// The files, the programs and their settings of one test.
pub struct Scene {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Scene {
    /// A copy of the repository's part that is delivered, with a real digest for the Spin image.
    pub fn new() -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: Vec::new(),
        };
        fs::create_dir_all(scene.project()).unwrap();
        for folder in ["tools", "tmp"] {
            fs::create_dir_all(scene.path(folder)).unwrap();
        }
        for name in ["scripts", "k8s", "migrations", "spin.toml", "Cargo.lock"] {
            copy(&delivery::root().join(name), &scene.project());
        }
        copy(
            &delivery::root().join("rust-toolchain.toml"),
            &scene.project(),
        );
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/programs");
        copy(&programs, scene.folder.path());
        for tool in TOOLS {
            symlink(find(tool), scene.path("tools").join(tool)).unwrap();
        }
        scene.set_spin_image(&digest('e'));
        scene
            .with("SECRET_VALUE", SECRET)
            .with("COSIGN_KEY_PUB", "awskms:///alias/roster")
    }

    /// With this setting: an environment variable of the script and of the scripted programs.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this program.
    pub fn without(self, program: &str) -> Self {
        fs::remove_file(self.path("programs").join(program)).unwrap();
        self
    }

    /// Gives `base/executor.yaml` this digest, whichever it has in the repository.
    pub fn set_spin_image(&self, digest: &str) {
        let file = self.project().join("k8s/base/executor.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| match line.split_once("@sha256:") {
            Some((image, _)) => format!("{image}@{digest}\n"),
            None => format!("{line}\n"),
        });
        fs::write(&file, lines.collect::<String>()).unwrap();
    }

    /// Lets the SpinApps have run before the script does: name, digest, digest before.
    pub fn running(self, apps: &[(&str, String, Option<String>)]) -> Self {
        let lines = apps.iter().map(|(name, digest, before)| {
            let before = before.as_deref().unwrap_or("-");
            format!("{name} registry.example.com/roster/api@{digest} {before} -\n")
        });
        fs::write(self.path("spinapps"), lines.collect::<String>()).unwrap();
        self
    }

    /// Name, digest and digest before of each SpinApp now.
    pub fn apps(&self) -> Vec<(String, String, Option<String>)> {
        let text = fs::read_to_string(self.path("spinapps")).unwrap_or_default();
        let app = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            let (_, digest) = words[1].split_once('@').unwrap();
            let before = (words[2] != "-").then(|| words[2].to_owned());
            (words[0].to_owned(), digest.to_owned(), before)
        };
        text.lines().map(app).collect()
    }

    /// Runs one of the scripts.
    pub fn run(&self, script: &str, arguments: &[&str]) -> Ran {
        let kubectl = std::env::var("ROSTER_KUBECTL")
            .expect("ROSTER_KUBECTL has no kubectl: run `cargo xtask test`");
        let path = [self.path("programs"), self.path("tools")];
        let output = Command::new(self.project().join("scripts").join(script))
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.path("tmp"))
            .env("SCENE", self.folder.path())
            .env("ROSTER_KUBECTL", kubectl)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let left: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?} is left behind");
        Ran {
            status: output.status.code().expect("no signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Every call of a scripted program, in order.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The calls that change the cluster.
    pub fn writes(&self) -> Vec<String> {
        let writes = |call: &String| {
            ["apply", "delete", "create", "patch", "annotate", "replace"]
                .iter()
                .any(|verb| call.starts_with("kubectl ") && call.contains(&format!(" {verb} ")))
        };
        self.calls().into_iter().filter(writes).collect()
    }

    /// What was applied, in order.
    pub fn applied(&self) -> Vec<String> {
        (0..)
            .map_while(|number| {
                fs::read_to_string(self.path(&format!("applied-{number}.yaml"))).ok()
            })
            .collect()
    }

    /// A file or folder of the scene.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The copy of the repository.
    pub fn project(&self) -> PathBuf {
        self.path("project")
    }
}

/// Asserts that a call with each of these is there, one behind the other.
pub fn assert_order(calls: &[String], parts: &[&str]) {
    let mut rest = calls.iter();
    for part in parts {
        assert!(
            rest.any(|call| call.contains(part)),
            "{part} is missing, or out of order, in {calls:#?}"
        );
    }
}

fn copy(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-R").args([from, into]).status();
    assert!(status.unwrap().success());
}

pub fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| {
            file.metadata()
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
        })
        .unwrap_or_else(|| panic!("{program} is not on PATH"))
}
