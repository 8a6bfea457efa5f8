//! Client-side failover: a client uses the other host if one does not serve.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use anyhow::Result;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::meter::Meter;

/// Longer than any response may take, so that late responses are measured.
const TIMEOUT: Duration = Duration::from_secs(15);
/// First and longest delay between attempts of one request.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(160));

/// Both hosts, as one client reaches them. Clones share the hosts and the measurements.
#[derive(Clone)]
pub struct FailoverClient {
    http: reqwest::Client,
    hosts: Arc<RwLock<[String; 2]>>,
    pub meter: Arc<Meter>,
}

/// Response, read in full.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub body: Value,
}

impl Response {
    /// Returns a text member of the body, or an empty string.
    pub fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// Returns the version of the user in the body, or 0.
    pub fn version(&self) -> u64 {
        let version = self.body.get("version").and_then(Value::as_u64);
        version.unwrap_or_default()
    }
}

/// Outcome of one attempt.
pub enum Attempt {
    Response(Response),
    /// Not sent: no connection.
    Refused,
    /// Sent, without a response.
    Lost,
}

/// Outcome of a request after all attempts within its time limit.
#[derive(Debug)]
pub enum Verdict {
    /// 2xx.
    Done(Response),
    /// Any other status except 503; `was_unknown` is true when an earlier attempt may have succeeded.
    Refused(Response),
    /// No attempt reached a host, or each was rejected before it began.
    NotSent,
    Unknown,
}

/// Verdict, and a flag for an earlier attempt without an outcome.
pub struct Settled {
    pub verdict: Verdict,
    pub was_unknown: bool,
}

/// Request that can be repeated at any host.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub token: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

impl Request {
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            token: String::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn build(&self, http: &reqwest::Client, base: &str) -> RequestBuilder {
        let url = format!("{base}{}", self.path);
        let mut request = http.request(self.method.clone(), url);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

impl FailoverClient {
    /// Creates a client of two hosts whose addresses are set later.
    pub fn new(meter: Arc<Meter>) -> Result<Self> {
        Ok(Self {
            http: http()?,
            hosts: Arc::default(),
            meter,
        })
    }

    /// Returns a client of the same hosts over new connections.
    pub fn reconnected(&self) -> Result<Self> {
        Ok(Self {
            http: http()?,
            ..self.clone()
        })
    }

    /// Sets the address of a host, which changes when it is restarted.
    pub fn set_host(&self, host: usize, base: &str) {
        let mut hosts = self.hosts.write().expect("a healthy lock");
        base.clone_into(&mut hosts[host % 2]);
    }

    /// Returns the address of a host.
    pub fn host(&self, host: usize) -> String {
        self.hosts.read().expect("a healthy lock")[host % 2].clone()
    }

    /// Sends a request to one host, once.
    pub async fn attempt(&self, host: usize, request: &Request) -> Attempt {
        let begin = self.meter.now();
        let what = format!("{} {} at host {}", request.method, request.path, host % 2);
        match self.exchange(host, request).await {
            Ok(response) => {
                let Response { status, .. } = response;
                self.meter.response(begin, status, &what);
                if status >= 500 && status != 503 {
                    let id = response.text("request_id");
                    self.meter
                        .violation(&format!("{what}: {status}, request {id}"));
                }
                Attempt::Response(response)
            }
            Err(error) => {
                let causes = anyhow::Error::from(error);
                self.meter
                    .no_response(begin, &format!("{what}: {causes:#}"));
                let error = causes.downcast_ref::<reqwest::Error>();
                match error.is_some_and(|error| error.is_connect() || error.is_builder()) {
                    true => Attempt::Refused,
                    false => Attempt::Lost,
                }
            }
        }
    }

    async fn exchange(&self, host: usize, request: &Request) -> reqwest::Result<Response> {
        let response = request.build(&self.http, &self.host(host)).send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        Ok(Response {
            status,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }

    /// Repeats a repeatable request, alternating between the hosts, until it has an outcome or `patience`
    /// has elapsed.
    pub async fn settle(&self, host: usize, request: &Request, patience: Duration) -> Settled {
        let (begun, mut backoff, mut was_unknown) = (Instant::now(), BACKOFF.0, false);
        for at in host.. {
            match self.attempt(at, request).await {
                Attempt::Response(response) => match response.status {
                    200..=299 => return settled(Verdict::Done(response), was_unknown),
                    503 if response.text("code") == "busy" => {}
                    409 if response.text("code") == "idempotency_key_in_flight" => {
                        was_unknown = true;
                    }
                    500.. => was_unknown = true,
                    _ => return settled(Verdict::Refused(response), was_unknown),
                },
                Attempt::Refused => {}
                Attempt::Lost => was_unknown = true,
            }
            if begun.elapsed() >= patience {
                break;
            }
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF.1);
        }
        match was_unknown {
            true => settled(Verdict::Unknown, true),
            false => settled(Verdict::NotSent, false),
        }
    }
}

fn settled(verdict: Verdict, was_unknown: bool) -> Settled {
    Settled {
        verdict,
        was_unknown,
    }
}

fn http() -> Result<reqwest::Client> {
    // Same setup as the generated client; each request brings its address.
    let builder = roster_client::http("http://127.0.0.1/")?;
    Ok(builder.no_proxy().timeout(TIMEOUT).build()?)
}
