//! HTTP/1.1 for the client: the bytes of a request, and the head of a response.

use std::io::Write;

use anyhow::{Context, Result, bail};

/// More than any response of the targets has.
const HEADERS: usize = 64;

/// A request, in parts.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'static str,
    pub path: &'a str,
    pub authority: &'a str,
    pub bearer: Option<&'a str>,
    /// JSON body.
    pub body: Option<&'a str>,
}

impl Request<'_> {
    /// Replaces the contents of `message` with the request's bytes.
    pub fn write(&self, message: &mut Vec<u8>) {
        message.clear();
        // Writing to a vector cannot fail.
        let _ = self.try_write(message);
    }

    fn try_write(&self, message: &mut Vec<u8>) -> std::io::Result<()> {
        write!(message, "{} {} HTTP/1.1\r\n", self.method, self.path)?;
        write!(message, "host: {}\r\n", self.authority)?;
        if let Some(token) = self.bearer {
            write!(message, "authorization: Bearer {token}\r\n")?;
        }
        match self.body {
            Some(body) => write!(
                message,
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            None => message.write_all(b"\r\n"),
        }
    }
}

/// The head of a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    pub status: u16,
    /// Length of the head itself, in bytes.
    pub len: usize,
    /// Length of the body, in bytes.
    pub body_len: usize,
    pub has_retry_after: bool,
    /// True when the server closes the connection after this response.
    pub closes: bool,
}

impl Head {
    /// Reads the head at the start of `bytes`; `None` while it is incomplete.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(len) =
            response.parse(bytes).context("invalid HTTP/1.1 response")?
        else {
            return Ok(None);
        };
        let status = response.code.context("the response has no status")?;
        let mut head = Self {
            status,
            len,
            body_len: 0,
            has_retry_after: false,
            closes: response.version == Some(0),
        };
        let mut sized = matches!(status, 204 | 304);
        for header in response.headers.iter() {
            let name = header.name;
            if name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value)?;
                head.body_len = text.trim().parse().context("invalid Content-Length")?;
                sized = true;
            } else if name.eq_ignore_ascii_case("retry-after") {
                head.has_retry_after = true;
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes |= header.value.eq_ignore_ascii_case(b"close");
            }
        }
        if !sized {
            bail!("a response of status {status} without Content-Length");
        }
        if status == 304 {
            // The length is that of the omitted body.
            head.body_len = 0;
        }
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Request};

    #[test]
    fn a_request_overwrites_the_previous_one_in_the_buffer() {
        let mut message = b"what was there".to_vec();
        let mut request = Request {
            method: "PATCH",
            path: "/api/v1/users/1",
            authority: "127.0.0.1:80",
            bearer: Some("t"),
            body: Some("{}"),
        };
        request.write(&mut message);
        let expected = "PATCH /api/v1/users/1 HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\
            authorization: Bearer t\r\ncontent-type: application/json\r\n\
            content-length: 2\r\n\r\n{}";
        assert_eq!(message, expected.as_bytes());
        (request.method, request.bearer, request.body) = ("GET", None, None);
        request.write(&mut message);
        let expected = "GET /api/v1/users/1 HTTP/1.1\r\nhost: 127.0.0.1:80\r\n\r\n";
        assert_eq!(message, expected.as_bytes());
    }

    #[test]
    fn a_head_is_parsed_once_it_is_complete() {
        let text = b"HTTP/1.1 503 Busy\r\nContent-Length: 7\r\nRetry-After: 1\r\nConnection: close\r\n\r\nnot yet";
        assert_eq!(Head::parse(&text[..20]).unwrap(), None);
        let head = Head::parse(text).unwrap().unwrap();
        assert_eq!((head.status, head.body_len), (503, 7));
        assert_eq!(head.len, text.len() - 7);
        assert!(head.has_retry_after && head.closes);
    }

    #[test]
    fn a_body_without_a_length_is_rejected() {
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        let head = Head::parse(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(head.unwrap().unwrap().body_len, 0);
        assert!(
            Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap()
                .is_some()
        );
        assert!(Head::parse(b"SSH-2.0\r\n\r\n").is_err());
    }
}
