//! Commands that a private stack's Redis receives.

use std::time::Duration;

use devservices::Redis;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Commands that reach Redis, including those of scripts, as MONITOR reports them.
pub struct RedisMonitor {
    lines: BufReader<TcpStream>,
}

impl RedisMonitor {
    /// Attaches to a server.
    pub(super) async fn start(redis: &Redis, password: &str) -> Self {
        let mut stream = TcpStream::connect((redis.host(), redis.port()))
            .await
            .expect("a connection");
        let commands = format!("AUTH {password}\r\nMONITOR\r\n");
        let sent = stream.write_all(commands.as_bytes()).await;
        sent.expect("a connection that can be written to");
        let mut monitor = Self {
            lines: BufReader::new(stream),
        };
        for _ in 0..2 {
            assert_eq!(monitor.next().await.trim_end(), "+OK");
        }
        monitor
    }

    /// Returns the commands up to the one that contains `mark`; panics if none arrives.
    pub async fn until(mut self, mark: &str) -> String {
        let mut seen = String::new();
        while !seen.ends_with('\n') || !seen.lines().last().unwrap_or_default().contains(mark) {
            seen += &self.next().await;
        }
        seen
    }

    async fn next(&mut self) -> String {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line);
        let read = tokio::time::timeout(Duration::from_secs(10), read).await;
        read.expect("a line in time").expect("a line");
        line
    }
}
