//! Copy of the files that the scripts use, with scripted programs before the real ones in `PATH`, and a
//! record of the calls.
//!
//! The scripted kubectl does not simulate a real server's validation of objects, fields and jsonpaths,
//! the merging of server-side apply, admission, or durations. Its ConfigMaps have no size limit, a write
//! never half succeeds, and a Lease has only a resourceVersion and a holder. Time is a counter that
//! `sleep` advances.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Value of a Secret in the scripted cluster.
pub const SECRET: &str = "correct-horse-battery-staple";

/// Real programs that the scripts use; no others are in their `PATH`.
const TOOLS: &str = "awk base64 bash cat cp cut date dirname env find git grep gzip mkdir mktemp mv rm sed \
                     sha256sum sort stat tail tee touch tr uname wc xargs";

/// Returns the digest of an artifact that is identified by a letter.
pub fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

/// Returns the digest that a lower-case letter stands for, and any other word unchanged.
fn expanded(word: &str) -> String {
    match word.as_bytes() {
        [letter @ b'a'..=b'z'] => digest(char::from(*letter)),
        _ => word.to_owned(),
    }
}

/// Exit status and output of a script.
pub struct ScriptOutput {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl ScriptOutput {
    /// Returns standard output and standard error.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts the exit status, and returns the output.
    #[track_caller]
    pub fn assert_status(&self, status: i32) -> String {
        let output = self.output();
        assert_eq!(self.status, status, "{output}");
        assert!(!output.contains('\u{1b}'), "colours without a terminal");
        output
    }
}

/// Files, programs and settings of one test.
pub struct Fixture {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Fixture {
    /// Copies the delivered part of the repository, and sets a valid digest of the Spin image.
    pub fn new() -> Self {
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: Vec::new(),
        };
        fs::create_dir_all(fixture.project()).unwrap();
        for folder in ["tools", "tmp"] {
            fs::create_dir_all(fixture.path(folder)).unwrap();
        }
        let files = "scripts k8s migrations spin.toml Cargo.lock rust-toolchain.toml";
        for name in files.split(' ') {
            copy(&delivery::root().join(name), &fixture.project());
        }
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/programs");
        copy(&programs, fixture.folder.path());
        for tool in TOOLS.split_whitespace() {
            symlink(find(tool), fixture.path("tools").join(tool)).unwrap();
        }
        fixture.set_spin_image(&digest('e'));
        fixture
            .with("SECRET_VALUE", SECRET)
            .with("COSIGN_PASSWORD", SECRET)
            .with("COSIGN_KEY_PUB", "awskms:///alias/roster")
    }

    /// Sets an environment variable of the script and of the scripted programs. A letter stands for its digest.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), expanded(value)));
        self
    }

    /// Removes a scripted program.
    pub fn without(self, program: &str) -> Self {
        fs::remove_file(self.path("programs").join(program)).unwrap();
        self
    }

    /// Sets the digest in `base/executor.yaml`, in place of any from the repository.
    pub fn set_spin_image(&self, digest: &str) {
        let file = self.project().join("k8s/base/executor.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().map(|line| match line.split_once("@sha256:") {
            Some((image, _)) => format!("{image}@{digest}\n"),
            None => format!("{line}\n"),
        });
        fs::write(&file, lines.collect::<String>()).unwrap();
    }

    /// Deploys these digests to dev one after the other, and clears the calls and the clock.
    pub fn released(self, letters: &str) -> Self {
        for letter in letters.chars() {
            self.deploy(&format!("dev {letter}"), 0);
        }
        let _ = fs::remove_file(self.path("calls"));
        let _ = fs::remove_file(self.path("clock"));
        self
    }

    /// Returns the letters of the digests that the SpinApps have now.
    pub fn deployed_digests(&self) -> String {
        let text = fs::read_to_string(self.path("spinapps")).unwrap_or_default();
        let letter = |line: &str| line.split_once("@sha256:").unwrap().1.chars().next();
        let mut letters: Vec<_> = text.lines().filter_map(letter).collect();
        letters.dedup();
        letters.into_iter().collect()
    }

    /// Returns the names of the SpinApps, with the executor of each.
    pub fn executors(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.path("spinapps")).unwrap_or_default();
        let app = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            (words[0].to_owned(), words[3].to_owned())
        };
        text.lines().map(app).collect()
    }

    /// Returns the letters of the releases on record, oldest first.
    pub fn recorded(&self) -> String {
        let entries = fs::read_dir(self.path("configmaps")).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let letter = |file: &PathBuf| {
            let text = fs::read_to_string(file).unwrap();
            let digest = text.split_once("digest: \"sha256:")?.1.chars().next();
            let name = file.file_name()?.to_str()?;
            name.starts_with("release-0").then_some(digest?)
        };
        files.iter().filter_map(letter).collect()
    }

    /// Asserts that the Lease is released.
    #[track_caller]
    pub fn assert_lease_released(&self) {
        let text = fs::read_to_string(self.path("lease")).unwrap();
        assert_eq!(text.trim().split(' ').count(), 1, "{text}");
    }

    /// Returns the seconds that the scripts have slept.
    pub fn slept_seconds(&self) -> u64 {
        let text = fs::read_to_string(self.path("clock")).unwrap_or_default();
        text.trim().parse().unwrap_or_default()
    }

    /// Runs deploy.sh with these arguments, of which a letter stands for its digest; asserts the exit status,
    /// and returns the output.
    #[track_caller]
    pub fn deploy(&self, arguments: &str, status: i32) -> String {
        let arguments: Vec<_> = arguments.split_whitespace().map(expanded).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = self.run("deploy.sh", &arguments).assert_status(status);
        self.assert_no_secret(&output);
        output
    }

    /// Asserts that no Secret's value is printed, passed on a command line or read, and that none is created.
    fn assert_no_secret(&self, output: &str) {
        assert!(!output.contains(SECRET), "{output}");
        for call in self.calls() {
            let is_safe = !call.contains("get secret")
                || call.ends_with("get secret roster-secrets --output name")
                || (call.contains("get secret runtime-config") && call.ends_with("--output name"));
            assert!(is_safe && !call.contains(SECRET), "{call}");
            assert!(!call.contains("secret.example"), "{call}");
        }
        for yaml in self.applied() {
            // The example of the Secret has this value.
            assert!(!yaml.contains("replace-me") && !yaml.contains(SECRET));
            for object in yaml.split("\n---\n") {
                let is_secret = object.contains("\nkind: Secret\n");
                let is_config = object.contains("\n  name: runtime-config");
                assert!(!is_secret || is_config, "{object}");
            }
        }
    }

    /// Asserts which digests run, and which releases are on record.
    #[track_caller]
    pub fn assert_state(&self, deployed: &str, recorded: &str) {
        let state = (self.deployed_digests(), self.recorded());
        assert_eq!(state, (deployed.to_owned(), recorded.to_owned()));
    }

    /// Asserts that the cluster was not changed.
    #[track_caller]
    pub fn assert_unchanged(&self) {
        assert_eq!(self.writes(), [""; 0]);
    }

    /// Runs one of the scripts.
    pub fn run(&self, script: &str, arguments: &[&str]) -> ScriptOutput {
        let child = self.start(script, arguments);
        self.wait(child)
    }

    /// Runs one of the scripts while another one runs.
    pub fn run_concurrently(&self, script: &str, arguments: &[&str]) -> ScriptOutput {
        wait_for_output(self.start(script, arguments))
    }

    /// Starts one of the scripts.
    pub fn start(&self, script: &str, arguments: &[&str]) -> Child {
        let kubectl = devservices::provided_or_exit("ROSTER_KUBECTL");
        let path = [self.path("programs"), self.path("tools")];
        Command::new(self.project().join("scripts").join(script))
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.path("tmp"))
            .env("FIXTURE", self.folder.path())
            .env("ROSTER_KUBECTL", kubectl)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits for a script that was started.
    pub fn wait(&self, child: Child) -> ScriptOutput {
        let ran = wait_for_output(child);
        let left: Vec<_> = fs::read_dir(self.path("tmp")).unwrap().collect();
        assert!(left.is_empty(), "files were left behind: {left:?}");
        ran
    }

    /// Returns every call of a scripted program, in order.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Returns the calls that change the cluster, except those for the Lease.
    pub fn writes(&self) -> Vec<String> {
        let writes = |call: &String| {
            ["apply", "delete", "create", "patch", "annotate", "replace"]
                .iter()
                .any(|verb| call.starts_with("kubectl ") && call.contains(&format!(" {verb} ")))
                && !call.contains(" --filename - ")
                && !call.contains("--dry-run=server")
        };
        self.calls().into_iter().filter(writes).collect()
    }

    /// Returns the applied YAML, in order.
    pub fn applied(&self) -> Vec<String> {
        (0..)
            .map_while(|number| {
                fs::read_to_string(self.path(&format!("applied-{number}.yaml"))).ok()
            })
            .collect()
    }

    /// Returns the path of a file or folder of the fixture.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the path of the copy of the repository.
    pub fn project(&self) -> PathBuf {
        self.path("project")
    }
}

/// Asserts that calls that contain these parts, one a line, were made in this order.
#[track_caller]
pub fn assert_order(calls: &[String], parts: &str) {
    let mut rest = calls.iter();
    for part in parts.lines().map(str::trim) {
        assert!(
            rest.any(|call| call.contains(part)),
            "{part} is missing, or out of order, in {calls:#?}"
        );
    }
}

fn wait_for_output(child: Child) -> ScriptOutput {
    let output = child.wait_with_output().unwrap();
    ScriptOutput {
        status: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn copy(from: &Path, into: &Path) {
    let status = Command::new("cp").arg("-R").args([from, into]).status();
    assert!(status.unwrap().success());
}

pub fn find(program: &str) -> PathBuf {
    devservices::on_path(program).unwrap_or_else(|| panic!("{program} is not on PATH"))
}
