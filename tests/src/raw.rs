//! HTTP/1.1 over a bare socket, for requests that a client library rejects or responses that it hides.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Client;

/// Longer than the app waits for a body.
const DEADLINE: Duration = Duration::from_secs(20);

/// Raw response.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    /// Names in lower case, in wire order.
    pub headers: Vec<(String, String)>,
    /// Bytes after the head until the server closed the connection.
    pub body: Vec<u8>,
}

impl RawReply {
    /// Returns the first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends `request` to the app at `base` and reads until the server closes the connection. The request
/// should contain `Connection: close`.
pub async fn exchange(base: &str, request: &[u8]) -> RawReply {
    let bytes = send(base, request).await;
    parse(&bytes).unwrap_or_else(|| panic!("no whole head in {:?}", begin(&bytes)))
}

/// Same as `exchange`, but returns `None` if the connection was closed before the response was read: a
/// client that still sends an unwanted body may lose it.
pub async fn attempt(base: &str, request: &[u8]) -> Option<RawReply> {
    parse(&send(base, request).await)
}

async fn send(base: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(base).await;
    // The server may respond and close before it has read a body that it rejects.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut bytes))
        .await
        .expect("an end within 20 s");
    bytes
}

/// Connects to the host and port of `base`.
pub async fn connect(base: &str) -> TcpStream {
    TcpStream::connect(authority(base))
        .await
        .expect("a connection")
}

/// Returns `host:port` of a base URL.
pub fn authority(base: &str) -> &str {
    base.trim_start_matches("http://").trim_end_matches('/')
}

/// Builds a request of the client's caller with the mandatory headers and `Connection: close`. `extra`
/// contains whole header lines, each with its CRLF.
pub fn request(client: &Client, method: &str, target: &str, extra: &str, body: &[u8]) -> Vec<u8> {
    let (host, caller) = (authority(client.base()), client.authorization());
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{caller}{extra}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn begin(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(500).collect()
}

fn parse(bytes: &[u8]) -> Option<RawReply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    Some(RawReply {
        status: status.unwrap_or_else(|| panic!("no status in {:?}", begin(bytes))),
        headers: headers
            .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))
            .collect(),
        body: bytes[end + 4..].to_vec(),
    })
}
