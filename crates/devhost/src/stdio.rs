//! Standard output and error of the guests: whole lines on the host's stderr, never interleaved.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Longer lines are written in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// One of the two output streams of an instance; clones write to the same line.
#[derive(Clone)]
pub struct GuestOutput(Arc<Mutex<Pending>>);

/// The incomplete line.
struct Pending(Vec<u8>);

impl GuestOutput {
    /// Creates a stream with an empty line.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Pending(Vec::new()))))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn push(&mut self, bytes: &[u8], out: &mut impl Write) {
        self.0.extend_from_slice(bytes);
        let whole = match self.0.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if self.0.len() >= LONGEST_LINE => self.0.len(),
            None => return,
        };
        let rest = self.0.split_off(whole);
        let lines = std::mem::replace(&mut self.0, rest);
        // One write for the lines of one instance. An error cannot be reported when stderr is gone.
        let _ = out.write_all(&lines);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            self.0.push(b'\n');
            let _ = io::stderr().lock().write_all(&self.0);
        }
    }
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.pending().push(&bytes, &mut io::stderr().lock());
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST_LINE)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {}
}

impl AsyncWrite for GuestOutput {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pending().push(bytes, &mut io::stderr().lock());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_written() {
        let mut pending = Pending(Vec::new());
        let mut out = Vec::new();
        pending.push(b"one", &mut out);
        assert_eq!(out, b"");
        pending.push(b" line\nand\nthe ne", &mut out);
        assert_eq!(out, b"one line\nand\n");
        pending.push(b"xt\n", &mut out);
        assert_eq!(out, b"one line\nand\nthe next\n");
    }

    #[test]
    fn a_very_long_line_is_written_before_its_end() {
        let mut pending = Pending(Vec::new());
        let mut out = Vec::new();
        pending.push(&vec![b'x'; LONGEST_LINE], &mut out);
        assert_eq!(out.len(), LONGEST_LINE);
    }
}
