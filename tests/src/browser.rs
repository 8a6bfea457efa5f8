//! Headless Chromium that can reach this machine only, driven over WebDriver by chromedriver.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use devservices::{Process, free_port};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Time limit for an action on a page.
const PATIENCE: Duration = Duration::from_secs(30);
/// Interval between attempts.
const POLL: Duration = Duration::from_millis(20);
/// Time limit for stopping the driver.
const STOP: Duration = Duration::from_secs(5);
/// WebDriver's key for the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const CONTROL: char = '\u{e009}';
const RELEASE: char = '\u{e000}';

/// Window of a browser. Dropping it ends the browser and its driver.
///
/// Every action is retried until it succeeds or times out, because pages render asynchronously. A
/// selector is XPath if it begins with `//`, otherwise CSS.
pub struct Browser {
    http: reqwest::Client,
    /// `127.0.0.1:<port>` of the driver.
    driver: String,
    session: String,
    // Ends before its profile folder is removed.
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Opens a window of this size that can only reach 127.0.0.1.
    ///
    /// # Panics
    /// If the machine has no browser: a suite that skips itself proves nothing.
    pub async fn start(width: u32, height: u32) -> Self {
        let browser = Self::launch(width, height).await;
        browser.expect("a browser; `cargo xtask test` installs one")
    }

    async fn launch(width: u32, height: u32) -> Result<Self> {
        let programs = devservices::Browser::find().context("no Chromium with chromedriver")?;
        let profile = tempfile::Builder::new()
            .prefix("roster-browser-")
            .tempdir()?;
        let port = free_port()?;
        let mut command = Command::new(programs.driver);
        command.arg(format!("--port={port}"));
        command.env("TMPDIR", profile.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut browser = Self {
            http: roster_client::http("http://127.0.0.1")?
                .no_proxy()
                .build()?,
            driver: format!("127.0.0.1:{port}"),
            session: String::new(),
            _process: Process::spawn(&mut command, STOP)?,
            _profile: profile,
        };
        let status =
            patiently(async || browser.call(Method::GET, "/status", Value::Null).await).await?;
        ensure!(status["ready"] == true, "{status}");
        let capabilities = capabilities(&programs.chromium, browser._profile.path(), width, height);
        let session = browser.call(Method::POST, "/session", capabilities).await?;
        let id = session["sessionId"].as_str().context("no session")?;
        browser.session = id.to_owned();
        Ok(browser)
    }

    /// Loads a page.
    pub async fn open(&self, url: &str) {
        let loaded = self
            .command(Method::POST, "url", json!({ "url": url }))
            .await;
        loaded.expect("a page");
    }

    /// Reloads the page.
    pub async fn reload(&self) {
        let loaded = self.command(Method::POST, "refresh", json!({})).await;
        loaded.expect("a page");
    }

    pub async fn title(&self) -> String {
        let title = self.command(Method::GET, "title", Value::Null).await;
        title
            .expect("a title")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits for an element that is displayed.
    pub async fn see(&self, selector: &str) {
        self.act(selector, "displayed", None, async |shown: Value| {
            ensure!(shown == true, "it is hidden");
            Ok(())
        })
        .await;
    }

    pub async fn click(&self, selector: &str) {
        self.act(selector, "click", Some(json!({})), async |_| Ok(()))
            .await;
    }

    /// Replaces the value of a field.
    pub async fn fill(&self, selector: &str, text: &str) {
        let keys = format!("{CONTROL}a{RELEASE}{text}");
        self.act(
            selector,
            "value",
            Some(json!({ "text": keys })),
            async |_| Ok(()),
        )
        .await;
    }

    /// Returns the text of an element, once it has any.
    pub async fn text(&self, selector: &str) -> String {
        self.act(selector, "text", None, async |text: Value| {
            let text = text.as_str().unwrap_or_default().trim().to_owned();
            ensure!(!text.is_empty(), "it has no text");
            Ok(text)
        })
        .await
    }

    /// Returns the number of matching elements.
    pub async fn count(&self, selector: &str) -> usize {
        let found = self
            .command(Method::POST, "elements", locator(selector))
            .await;
        found.expect("a list").as_array().map_or(0, Vec::len)
    }

    /// Scrolls the element to the top.
    pub async fn scroll_to(&self, selector: &str) {
        let element = self.find(selector).await.expect("an element");
        let script = json!({
            "script": "arguments[0].scrollIntoView({ behavior: 'instant', block: 'start' })",
            "args": [{ ELEMENT: element }],
        });
        let done = self.command(Method::POST, "execute/sync", script).await;
        done.expect("a scrolled page");
    }

    /// Writes a PNG of the window and creates its folder if necessary.
    pub async fn save_picture(&self, file: &Path) -> Result<()> {
        let picture = self.command(Method::GET, "screenshot", Value::Null).await?;
        let png = BASE64_STANDARD.decode(picture.as_str().context("no picture")?)?;
        std::fs::create_dir_all(file.parent().context("a file without folder")?)?;
        Ok(std::fs::write(file, png)?)
    }

    /// Returns console messages since the last call, with their level.
    pub async fn console(&self) -> Vec<(String, String)> {
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let entries = self.log("browser").await;
        let line = |entry: &Value| (text(entry, "level"), text(entry, "message"));
        entries.iter().map(line).collect()
    }

    /// Returns the URLs that pages have requested since the last call.
    pub async fn requested(&self) -> Vec<String> {
        let mut urls = Vec::new();
        for entry in self.log("performance").await {
            let message = entry["message"].as_str().unwrap_or_default();
            let message: Value = serde_json::from_str(message).expect("an event");
            let event = &message["message"];
            if event["method"] == "Network.requestWillBeSent" {
                let url = event["params"]["request"]["url"].as_str();
                urls.push(url.expect("a URL").to_owned());
            }
        }
        urls
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let log = self
            .command(Method::POST, "se/log", json!({ "type": kind }))
            .await;
        log.expect("a log").as_array().cloned().unwrap_or_default()
    }

    /// Runs a command on an element and returns the result of `check` for the response.
    async fn act<T>(
        &self,
        selector: &str,
        what: &str,
        body: Option<Value>,
        check: impl AsyncFn(Value) -> Result<T>,
    ) -> T {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let done = patiently(async || {
            let element = self.find(selector).await?;
            let path = format!("element/{element}/{what}");
            let body = body.clone().unwrap_or_default();
            check(self.command(method.clone(), &path, body).await?).await
        });
        let done = done.await.with_context(|| format!("{what} of {selector}"));
        done.unwrap_or_else(|error| panic!("{error:#}"))
    }

    async fn find(&self, selector: &str) -> Result<String> {
        let found = self
            .command(Method::POST, "element", locator(selector))
            .await?;
        Ok(found[ELEMENT].as_str().context("no element")?.to_owned())
    }

    async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let path = format!("/session/{}/{path}", self.session);
        self.call(method, &path, body).await
    }

    /// Returns the value of the driver's response.
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value> {
        let url = format!("http://{}{path}", self.driver);
        let mut request = self.http.request(method, url).timeout(PATIENCE);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer: Value = request.send().await?.json().await?;
        let value = &answer["value"];
        match value["error"].as_str() {
            Some(error) => bail!("{error}: {}", value["message"]),
            None => Ok(value.clone()),
        }
    }

    /// Makes the driver end the browser, and waits until it has.
    fn quit(&self) -> Result<()> {
        let mut stream = TcpStream::connect(&self.driver)?;
        stream.set_read_timeout(Some(STOP))?;
        write!(
            stream,
            "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.session, self.driver
        )?;
        // First bytes of the response: the driver keeps the connection open.
        stream.read_exact(&mut [0; 12])?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that does not quit here ends with its driver, because it reads the driver's pipe.
        let _ = self.quit();
    }
}

/// Folder for screenshots: `ROSTER_SCREENSHOTS`, otherwise `screenshots` in cargo's build folder.
pub fn picture_folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    match std::env::var_os("ROSTER_SCREENSHOTS") {
        Some(folder) => root.join(folder),
        None => {
            let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
            root.join(target).join("screenshots")
        }
    }
}

fn capabilities(chromium: &Path, profile: &Path, width: u32, height: u32) -> Value {
    let arguments = [
        "--headless=new",
        // The browser may run as root, in a container with a small /dev/shm.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        // Disables name lookups and access to other hosts.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-pipe",
    ];
    let mut arguments = arguments.map(str::to_owned).to_vec();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--window-size={width},{height}"));
    json!({ "capabilities": { "alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
    } } })
}

fn locator(selector: &str) -> Value {
    let using = if selector.starts_with("//") {
        "xpath"
    } else {
        "css selector"
    };
    json!({ "using": using, "value": selector })
}

/// Retries until the attempt succeeds; after [`PATIENCE`] it returns the last error.
async fn patiently<T>(attempt: impl AsyncFn() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match attempt().await {
            Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(POLL).await,
            result => return result,
        }
    }
}
