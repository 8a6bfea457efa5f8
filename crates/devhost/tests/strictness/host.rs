//! A running `devhost` with the strictness guest, and requests to it.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Start of every manifest: the guest is component `guest`.
const HEAD: &str =
    "spin_manifest_version = 2\n[application]\nname = \"strictness\"\nversion = \"1.2.3\"\n";

/// The guest's `.wasm` file: the one named by `ROSTER_GUEST`, or one that is built once per run.
pub fn guest() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| env::var_os("ROSTER_GUEST").map_or_else(build_guest, PathBuf::from))
}

/// Builds the guest in a target folder of its own: in the one of the components, whose flags differ, cargo would
/// then build these again.
fn build_guest() -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_devhost"))
        .ancestors()
        .nth(2)
        .unwrap()
        .join("guest");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release"])
        .args(["--package", "strictness-guest"])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "cannot build the guest");
    target.join("wasm32-wasip2/release/strictness_guest.wasm")
}

/// A manifest with the guest on `/...`, and `rest` after its `[component.guest]` table's source.
pub fn manifest(rest: &str) -> String {
    let trigger = "[[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n";
    format!("{trigger}[component.guest]\nsource = {:?}\n{rest}", guest())
}

fn command(dir: &Path, body: &str, arguments: &[&str]) -> Command {
    write_manifest(dir, body);
    let mut command = Command::new(env!("CARGO_BIN_EXE_devhost"));
    command
        .args([
            "--manifest",
            "spin.toml",
            "--listen",
            "127.0.0.1:0",
            "--cache",
        ])
        .arg(guest().with_file_name("devhost-cache"))
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn write_manifest(dir: &Path, body: &str) {
    std::fs::write(dir.join("spin.toml"), format!("{HEAD}{body}")).unwrap();
}

/// Returns the error with which the host refuses to start.
pub fn refusal(body: &str, arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path(), body, arguments).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

/// A host that serves; dropping it kills it.
pub struct Host {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// Address that it listens on, `http://127.0.0.1:<port>`.
    pub url: String,
    client: reqwest::Client,
    dir: TempDir,
}

impl Host {
    /// Starts a host with a manifest's body.
    pub fn start(body: &str, arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), body, arguments)
    }

    /// Starts a host in a folder with files of the test.
    pub fn start_in(dir: TempDir, body: &str, arguments: &[&str]) -> Self {
        let mut child = command(dir.path(), body, arguments).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Some(url) = line.trim_end().strip_prefix("Serving ") else {
            panic!("{}", drain(child));
        };
        Self {
            url: url.to_owned(),
            stdout,
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
            client: plain_http(),
            dir,
        }
    }

    /// Creates a request for an action of the guest.
    pub fn request(&self, path: &str, action: &str, argument: &str) -> reqwest::RequestBuilder {
        self.client
            .get(format!("{}{path}", self.url))
            .header("x-action", action)
            .header("x-argument", argument)
    }

    /// Returns the guest's response to an action.
    pub async fn call_guest(&self, action: &str, argument: &str) -> String {
        let response = self.request("/", action, argument).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    /// Returns the next line that the host writes to stderr.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// Path of a file in the manifest's folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Replaces the manifest's body.
    pub fn write_manifest(&self, body: &str) {
        write_manifest(self.dir.path(), body);
    }

    /// Makes the host reload its application, and returns the line that it prints.
    pub fn reload(&mut self) -> String {
        self.signal("-HUP");
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(status.success());
    }

    /// Stops the host, waits for its end, and returns its exit code and the rest of its stderr.
    pub fn stop(mut self) -> (Option<i32>, String) {
        self.signal("-TERM");
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

/// Client for the host, which speaks plain HTTP: TLS is set up only because reqwest requires it.
fn plain_http() -> reqwest::Client {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .tls_certs_only([])
        .build()
        .unwrap()
}

fn drain(child: Child) -> String {
    String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
