//! Identifiers of a request for tracing: the request id and the W3C trace id.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The identifiers of one request, for its log line and its error documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The client's `X-Request-ID` if it is valid, otherwise a new UUIDv7.
    pub request_id: String,
    /// The trace id of a valid `traceparent` (W3C Trace Context, version 00), 32 hex digits.
    pub trace_id: Option<String>,
}

impl RequestContext {
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let request_id = single(headers, &X_REQUEST_ID)
            .filter(|id| is_sane_request_id(id))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let trace_id = single(headers, &TRACEPARENT).and_then(parse_traceparent);
        Self {
            request_id,
            trace_id: trace_id.map(str::to_owned),
        }
    }

    /// The request id as a header value.
    pub fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.request_id).ok()
    }
}

/// The header's value as text; `None` unless it was sent exactly once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        None
    } else {
        value.to_str().ok()
    }
}

/// Returns true for 1 to 128 characters that are safe in a log and in a header.
fn is_sane_request_id(id: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=128).contains(&id.len()) && id.bytes().all(safe)
}

/// Parses the trace id of `00-<trace id>-<parent id>-<flags>`: lower-case hex, ids not all zero.
fn parse_traceparent(value: &str) -> Option<&str> {
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|b| b != b'0');
    let mut parts = value.split('-');
    let (version, trace, parent, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none();
    (whole && version == "00" && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2))
        .then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(name: &'static str, values: &[&str]) -> RequestContext {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        RequestContext::from_headers(&headers)
    }

    #[test]
    fn a_valid_request_id_is_kept_and_others_are_replaced() {
        assert_eq!(
            context("x-request-id", &["abc-1.2_3:4"]).request_id,
            "abc-1.2_3:4"
        );
        let long = "a".repeat(129);
        for bad in [
            vec![""],
            vec!["a b"],
            vec!["{\"x\":1}"],
            vec![long.as_str()],
            vec!["a", "b"],
        ] {
            let id = context("x-request-id", &bad).request_id;
            assert_eq!(
                Uuid::parse_str(&id).unwrap().get_version_num(),
                7,
                "{bad:?}"
            );
        }
    }

    #[test]
    fn only_a_valid_traceparent_is_followed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = context("traceparent", &[good]).trace_id;
        assert_eq!(trace.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf9-00f067aa0ba902b7-01",
        ] {
            assert_eq!(context("traceparent", &[bad]).trace_id, None, "{bad}");
        }
    }
}
