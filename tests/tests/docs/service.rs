//! Services of the documentation: their code in a page, the programs that run it, and their start.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use blackbox::stack::eventually;
use devservices::Process;
use reqwest::{ClientBuilder, Method};

/// Guide with the examples of services and proxies.
pub const PAGE: &str = include_str!("../../../docs/protect-a-service.md");
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

/// Returns a PATH that begins with `folder` and the folder of the installed programs.
pub fn search_path(folder: &Path) -> OsString {
    let others = env::var_os("PATH").unwrap_or_default();
    let first = [folder.to_owned(), installed().join("bin")];
    env::join_paths(first.into_iter().chain(env::split_paths(&others))).expect("a PATH")
}

/// Returns the first block in `language` of the section `title` of a page.
pub fn block<'a>(page: &'a str, title: &str, language: &str) -> &'a str {
    let (_, section) = page.split_once(&format!("## {title}\n")).expect(title);
    let (_, rest) = section
        .split_once(&format!("```{language}\n"))
        .expect(language);
    rest.split_once("```").expect("the end of the block").0
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

/// Returns the status and the body of a request.
pub async fn send(method: Method, url: &str, token: Option<&str>) -> (u16, String) {
    let http = roster_client::http(url).expect("a URL");
    let reply = send_with(http, method, url, token).await;
    reply.expect(url)
}

pub async fn get(url: &str, token: Option<&str>) -> (u16, String) {
    send(Method::GET, url, token).await
}

/// Returns the same from a client with other options.
pub async fn send_with(
    http: ClientBuilder,
    method: Method,
    url: &str,
    token: Option<&str>,
) -> reqwest::Result<(u16, String)> {
    let http = http.no_proxy().build()?;
    // A client can send the headers that a proxy sets, too.
    let mut request = http.request(method, url).header("X-User-Role", "admin");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await?;
    Ok((response.status().as_u16(), response.text().await?))
}
