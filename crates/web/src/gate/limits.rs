//! The general rate limit: whom a request counts against, and what the answer says of it.

use accounts::ClientAddress;
use accounts::admission::{Admitted, Rate, RateLimit};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What the host says of the connection; it stands behind what a client may have sent.
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// How many trusted proxies stand before the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHops(pub usize);

impl ProxyHops {
    /// The client's address: of the connection, or, behind proxies, what the outermost trusted one
    /// saw. Each proxy appends to X-Forwarded-For, so that one stands as many places from the end
    /// as there are trusted proxies; what stands before it anyone can make up.
    pub(super) fn client_address(self, headers: &HeaderMap) -> ClientAddress {
        let text = match self.0 {
            0 => headers.get_all(CLIENT_ADDRESS).iter().next_back(),
            hops => {
                let lines = headers.get_all("x-forwarded-for").iter();
                let all: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
                let all = all.join(",");
                let address = all.rsplit(',').nth(hops - 1).map(str::trim);
                return ClientAddress(bounded(without_port(address.unwrap_or("unknown"))));
            }
        };
        let text = text.and_then(|value| value.to_str().ok());
        ClientAddress(bounded(without_port(text.unwrap_or("unknown"))))
    }
}

/// `1.2.3.4:56` and `[::1]:56` without the port, anything else as it is.
fn without_port(address: &str) -> &str {
    if let Ok(socket) = address.parse::<std::net::SocketAddr>() {
        let end = address.rfind(':').unwrap_or(address.len());
        let host = address.get(..end).unwrap_or(address);
        return match socket {
            std::net::SocketAddr::V4(_) => host,
            std::net::SocketAddr::V6(_) => host.trim_matches(['[', ']']),
        };
    }
    address
}

/// A key of bounded length, whatever was sent.
fn bounded(address: &str) -> String {
    address.chars().take(64).collect()
}

/// The headers of a limited answer (draft-ietf-httpapi-ratelimit-headers).
pub(super) struct Headers(Option<(HeaderValue, HeaderValue)>);

impl Headers {
    pub(super) fn new(limit: Option<RateLimit>, admitted: &Admitted) -> Self {
        let pair = limit.zip(admitted.rate).and_then(|(limit, rate)| {
            let policy = format!(
                "\"default\";q={};w={}",
                limit.requests,
                limit.window.as_secs()
            );
            let now = format!("\"default\";r={};t={}", rate.remaining, seconds(&rate));
            let value = |text: String| HeaderValue::from_str(&text).ok();
            value(policy).zip(value(now))
        });
        Self(pair)
    }

    pub(super) fn set(self, headers: &mut HeaderMap) {
        if let Some((policy, now)) = self.0 {
            headers.insert(RATE_LIMIT_POLICY, policy);
            headers.insert(RATE_LIMIT, now);
        }
    }
}

fn seconds(rate: &Rate) -> u64 {
    let until = if rate.allowed { rate.reset } else { rate.retry };
    until
        .as_millis()
        .div_ceil(1_000)
        .try_into()
        .unwrap_or(u64::MAX)
}

/// 429 when the limit is used up.
pub(super) fn refusal(admitted: &Admitted) -> Option<Problem> {
    let rate = admitted.rate.filter(|rate| !rate.allowed)?;
    Some(rate_limited(seconds(&rate).max(1)))
}

pub(crate) fn rate_limited(retry_after_seconds: u64) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "There were too many requests; wait as long as Retry-After says.",
    )
    .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(hops: usize, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        ProxyHops(hops).client_address(&map).0
    }

    #[test]
    fn the_hosts_word_comes_last() {
        let forged = ("spin-client-addr", "6.6.6.6:1");
        let real = ("spin-client-addr", "192.0.2.7:40000");
        assert_eq!(address(0, &[forged, real]), "192.0.2.7");
        assert_eq!(
            address(0, &[("spin-client-addr", "[2001:db8::1]:80")]),
            "2001:db8::1"
        );
        assert_eq!(
            address(0, &[("x-forwarded-for", "6.6.6.6"), real]),
            "192.0.2.7"
        );
        assert_eq!(address(0, &[]), "unknown");
    }

    #[test]
    fn behind_proxies_the_outermost_trusted_one_decides() {
        let sent = ("x-forwarded-for", "6.6.6.6, 198.51.100.1");
        let added = ("x-forwarded-for", "10.0.0.1");
        assert_eq!(address(1, &[sent, added]), "10.0.0.1");
        assert_eq!(address(2, &[sent, added]), "198.51.100.1");
        assert_eq!(address(9, &[sent, added]), "unknown");
    }
}
