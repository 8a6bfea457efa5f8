//! HTTP/1.1 over one connection that is kept.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer should take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the app is.
#[derive(Clone, Debug)]
pub struct Target {
    /// `host:port`
    authority: String,
}

impl Target {
    pub fn parse(url: &str) -> Result<Self> {
        let url: Uri = url.parse().context("not a URL")?;
        if url.scheme_str() != Some("http") {
            bail!("only http:// can be measured: TLS would be measured with it");
        }
        let host = url.host().context("the URL has no host")?;
        let port = url.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{host}:{port}"),
        })
    }
}

/// A request that is sent many times.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    bearer: Option<String>,
    body: Bytes,
}

impl Call {
    pub fn get(path: &str, token: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            bearer: Some(format!("Bearer {token}")),
            body: Bytes::new(),
        }
    }

    pub fn post(path: &str, token: Option<&str>, body: &Value) -> Self {
        Self {
            method: Method::POST,
            path: path.to_owned(),
            bearer: token.map(|token| format!("Bearer {token}")),
            body: body.to_string().into(),
        }
    }
}

/// What came back, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
    pub took: Duration,
}

/// One connection, made when it is needed, and again after an error.
pub struct Connection {
    target: Target,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    pub fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            sender: None,
        }
    }

    /// Sends and reads the whole answer. Connecting is not part of the time.
    pub async fn send(&mut self, call: &Call) -> Result<Answer> {
        let mut sender = match self.sender.take().filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let mut request = Request::builder()
            .method(&call.method)
            .uri(&call.path)
            .header(HOST, &self.target.authority);
        if let Some(bearer) = &call.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        if call.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(call.body.clone()))?;
        let begun = Instant::now();
        let exchange = async {
            sender.ready().await?;
            let (parts, body) = sender.send_request(request).await?.into_parts();
            anyhow::Ok((parts.status, body.collect().await?.to_bytes()))
        };
        let (status, body) = timeout(PATIENCE, exchange).await.context("no answer")??;
        let took = begun.elapsed();
        self.sender = Some(sender);
        Ok(Answer { status, body, took })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.target.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its error also reaches whoever waits for the answer.
        tokio::spawn(async move { connection.await.ok() });
        Ok(sender)
    }
}
