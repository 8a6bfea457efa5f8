//! Programs of other projects that tests start: the services of the documentation.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use blackbox::stack::eventually;
use devservices::Process;

pub const START_LIMIT: Duration = Duration::from_secs(60);

/// A running example. Dropping it stops it.
pub struct Service {
    pub name: &'static str,
    pub url: String,
    _process: Process,
}

/// Folder of the programs in `bin` and of the packages of Node.js.
pub fn installed() -> PathBuf {
    devservices::provided_or_exit("ROSTER_SERVICES").into()
}

/// Starts `command`, whose output ends up in a file, and waits until `port` finds the port in it.
pub async fn start(
    name: &'static str,
    command: &mut Command,
    folder: &Path,
    port: impl Fn(&str) -> Option<String>,
) -> Service {
    let path = folder.join(format!("{name}.log"));
    let log = File::create(&path).expect("a log");
    command
        .stderr(log.try_clone().expect("the log"))
        .stdout(log);
    let process = Process::spawn(command, Duration::from_secs(5)).expect(name);
    let output = || fs::read_to_string(&path).unwrap_or_default();
    let is_ready = async || port(&output()).is_some();
    eventually(START_LIMIT, name, is_ready).await;
    Service {
        name,
        url: format!("http://127.0.0.1:{}", port(&output()).expect("a port")),
        _process: process,
    }
}

/// Starts the FastAPI application `app` of the modules in `folder`, with these variables.
pub async fn uvicorn(
    name: &'static str,
    app: &str,
    folder: &Path,
    variables: &[(&str, &str)],
) -> Service {
    let mut uvicorn = Command::new(installed().join("bin/uvicorn"));
    uvicorn.args([app, "--port", "0"]).current_dir(folder);
    uvicorn.envs(variables.iter().copied());
    start(name, &mut uvicorn, folder, |log| {
        let (_, rest) = log.split_once("running on http://127.0.0.1:")?;
        Some(rest.split_once(' ')?.0.to_owned())
    })
    .await
}
