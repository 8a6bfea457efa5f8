//! HTTP/1.1 over one kept connection, by hand: the generator shares the machine with its targets, and
//! hyper's client takes twice the time outside the kernel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{Head, Request};

/// Longer than any response should take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns `host:port` of `http://host:port`.
pub fn authority(url: &str) -> Result<Arc<str>> {
    let Some(rest) = url.strip_prefix("http://") else {
        bail!("{url}: only http:// is supported, because the cost of TLS would be included");
    };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    Ok(match host.contains(':') {
        true => host.into(),
        false => format!("{host}:80").into(),
    })
}

/// A response, read to its end.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub status: u16,
    pub has_retry_after: bool,
    /// Time from the request's first byte to the response's last.
    pub took: Duration,
}

/// One connection, opened on demand, and again after an error.
pub struct Connection {
    authority: Arc<str>,
    stream: Option<TcpStream>,
    received: BytesMut,
    body_len: usize,
}

impl Connection {
    pub fn new(authority: &Arc<str>) -> Self {
        Self {
            authority: authority.clone(),
            stream: None,
            received: BytesMut::with_capacity(8 * 1024),
            body_len: 0,
        }
    }

    /// Connects, unless there is a connection that the server has kept open.
    pub async fn connect(&mut self) -> Result<()> {
        if self.stream.as_ref().is_some_and(is_open) {
            return Ok(());
        }
        let stream = timeout(PATIENCE, TcpStream::connect(&*self.authority)).await??;
        stream.set_nodelay(true)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Sends the bytes of a request and reads the whole response. The time excludes connecting.
    pub async fn send(&mut self, message: &[u8]) -> Result<Reply> {
        self.connect().await?;
        // Restored once the response is complete: a connection with half a response is not reused.
        let mut stream = self.stream.take().context("not connected")?;
        let begun = Instant::now();
        let exchange = self.exchange(&mut stream, message);
        let head = timeout(PATIENCE, exchange).await.context("no response")??;
        let took = begun.elapsed();
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Reply {
            status: head.status,
            has_retry_after: head.has_retry_after,
            took,
        })
    }

    /// Sends a request that is not measured.
    pub async fn request(&mut self, request: &Request<'_>) -> Result<Reply> {
        let mut message = Vec::new();
        request.write(&mut message);
        self.send(&message).await
    }

    /// Returns the body of the last response.
    pub fn body(&self) -> &[u8] {
        self.received.get(..self.body_len).unwrap_or_default()
    }

    /// Returns the body of the last response as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(self.body()).context("the body is not JSON")
    }

    async fn exchange(&mut self, stream: &mut TcpStream, message: &[u8]) -> Result<Head> {
        self.received.clear();
        stream.write_all(message).await?;
        let head = loop {
            self.read(stream).await?;
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
        };
        while self.received.len() < head.len + head.body_len {
            self.read(stream).await?;
        }
        self.received.advance(head.len);
        self.body_len = head.body_len;
        Ok(head)
    }

    async fn read(&mut self, stream: &mut TcpStream) -> Result<()> {
        self.received.reserve(4 * 1024);
        match stream.read_buf(&mut self.received).await? {
            0 => bail!("the connection ended before the response did"),
            _ => Ok(()),
        }
    }
}

/// Returns false if the server has closed the idle connection.
fn is_open(stream: &TcpStream) -> bool {
    let mut byte = [0];
    // No bytes are due: a readable stream is at its end, or in error.
    stream
        .try_read(&mut byte)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn authorities_come_from_plain_urls() {
        assert_eq!(
            &*authority("http://127.0.0.1:3000/").unwrap(),
            "127.0.0.1:3000"
        );
        assert_eq!(&*authority("http://example.com").unwrap(), "example.com:80");
        assert!(authority("https://example.com").is_err());
    }
}
