//! The general rate limit: the client's network, the response headers and the rejection.

use accounts::authentication::{Authenticated, Rate, RateLimit};
use accounts::client_address::Network;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Header with the address of the connection, which the host appends after any that a client sent.
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// Number of trusted proxies in front of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHops(pub usize);

impl ProxyHops {
    /// Returns the client's network: that of the connection or, behind proxies, of the address that the
    /// outermost trusted proxy saw. Each proxy appends to X-Forwarded-For, so this address is that many
    /// entries from the end. A client can send anything before it, in any bytes.
    pub(super) fn client_network(self, headers: &HeaderMap) -> Network {
        let address = match self.0.checked_sub(1) {
            None => {
                let lines = headers.get_all(CLIENT_ADDRESS).iter();
                lines.map(HeaderValue::as_bytes).next_back()
            }
            Some(trusted) => {
                let lines = headers.get_all("x-forwarded-for").iter().rev();
                lines
                    .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','))
                    .filter(|member| !member.trim_ascii().is_empty())
                    .nth(trusted)
            }
        };
        address.map_or(Network::Unknown, Network::parse)
    }
}

/// Rate limit headers of a response (draft-ietf-httpapi-ratelimit-headers).
pub(super) struct Headers(Option<(HeaderValue, HeaderValue)>);

impl Headers {
    pub(super) fn new(limit: Option<RateLimit>, authenticated: &Authenticated) -> Self {
        let pair = limit.zip(authenticated.rate).and_then(|(limit, rate)| {
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

/// Returns 429 if the limit is used up.
pub(super) fn refusal(authenticated: &Authenticated) -> Option<Problem> {
    let rate = authenticated.rate.filter(|rate| !rate.allowed)?;
    Some(rate_limited(seconds(&rate).max(1)))
}

pub(crate) fn rate_limited(retry_after_seconds: u64) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "rate_limited",
        "Too many requests; wait for the time in the Retry-After header.",
    )
    .with_header(RETRY_AFTER, HeaderValue::from(retry_after_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(hops: usize, headers: &[(&'static str, &[u8])]) -> Network {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        ProxyHops(hops).client_network(&map)
    }

    fn of(text: &str) -> Network {
        Network::parse(text.as_bytes())
    }

    #[test]
    fn the_peer_address_is_used_without_proxies() {
        let forged = ("spin-client-addr", b"6.6.6.6:1".as_slice());
        let real = ("spin-client-addr", b"192.0.2.7:40000".as_slice());
        assert_eq!(network(0, &[forged, real]), of("192.0.2.7"));
        let sent = ("x-forwarded-for", b"6.6.6.6".as_slice());
        assert_eq!(network(0, &[sent, real]), of("192.0.2.7"));
        assert_eq!(network(0, &[]), Network::Unknown);
    }

    #[test]
    fn the_outermost_trusted_proxy_determines_the_address() {
        let sent = ("x-forwarded-for", b"6.6.6.6, 198.51.100.1".as_slice());
        let added = ("x-forwarded-for", b"10.0.0.1".as_slice());
        assert_eq!(network(1, &[sent, added]), of("10.0.0.1"));
        assert_eq!(network(2, &[sent, added]), of("198.51.100.1"));
        assert_eq!(network(9, &[sent, added]), Network::Unknown);
    }

    #[test]
    fn forwarded_addresses_from_the_client_are_ignored() {
        for sent in [
            b"\xc3\xa9, 198.51.100.1".as_slice(),
            b"\xff,198.51.100.1",
            b", , 198.51.100.1",
            b"\"a, b\", 198.51.100.1 ",
            b"198.51.100.1,",
        ] {
            let header = ("x-forwarded-for", sent);
            assert_eq!(network(1, &[header]), of("198.51.100.1"), "{sent:?}");
        }
    }
}
