//! Network of a client, and its keyed fingerprint; only the fingerprint is stored.
//!
//! Limits count networks, not addresses: a client with one IPv6 address has the 2^64 addresses of its
//! /64.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::FingerprintKey;

/// Bytes of a fingerprint's text: 128 bits are enough to distinguish networks.
const TEXT_BYTES: usize = 16;

/// Network that limits count as one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// One IPv4 address, also in its IPv4-mapped IPv6 form.
    V4(Ipv4Addr),
    /// An IPv6 /64, by its first address.
    V6(Ipv6Addr),
    /// Anything that is not an address, counted as one client.
    Unknown,
}

impl Network {
    /// Parses an address as proxies and hosts write it: with or without a port, IPv6 with or without
    /// brackets and a zone. Anything else is [`Network::Unknown`].
    pub fn parse(text: &[u8]) -> Self {
        let address = std::str::from_utf8(text).ok().map(str::trim);
        address.and_then(read).map_or(Self::Unknown, Self::from)
    }

    fn octets(&self) -> Vec<u8> {
        match self {
            Self::V4(address) => address.octets().to_vec(),
            Self::V6(address) => address.octets().to_vec(),
            Self::Unknown => Vec::new(),
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let mask = u128::MAX << 64;
                Self::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        }
    }
}

fn read(text: &str) -> Option<IpAddr> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => (text, ""),
    };
    let is_port = |digits: &str| digits.parse::<u16>().is_ok();
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
        return None;
    }
    // A zone names an interface of this machine; it is not part of the address.
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse().ok()
}

/// Keyed fingerprint of the client's network. Equal networks have equal fingerprints, and the network can
/// be found only with the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress(Vec<u8>);

impl ClientAddress {
    /// Creates the fingerprint. `key` is the one of [`crate::keys::Purpose::Address`].
    pub fn new(key: &FingerprintKey, network: Network) -> Self {
        Self(key.fingerprint(&[&network.octets()]))
    }

    /// Returns 32 bytes, for keys of rows.
    pub(crate) fn key(&self) -> Vec<u8> {
        self.0.clone()
    }

    /// Returns 22 characters of base64url, for keys in Redis and for the audit trail.
    pub fn fingerprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.get(..TEXT_BYTES).unwrap_or(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Purpose, RootKey};

    fn v4(text: &str) -> Network {
        Network::V4(text.parse().unwrap())
    }

    fn v6(text: &str) -> Network {
        Network::V6(text.parse().unwrap())
    }

    #[test]
    fn all_notations_of_an_address_map_to_one_network() {
        for text in [
            "192.0.2.7",
            " 192.0.2.7\t",
            "192.0.2.7:40000",
            "::ffff:192.0.2.7",
            "[::ffff:192.0.2.7]:80",
            "::ffff:c000:207",
        ] {
            assert_eq!(Network::parse(text.as_bytes()), v4("192.0.2.7"), "{text}");
        }
        for text in [
            "2001:db8:1:1::7",
            "2001:DB8:1:1:ffff:ffff:ffff:ffff",
            "[2001:db8:1:1::7]",
            "[2001:db8:1:1::7]:443",
            "2001:0db8:0001:0001::7%eth0",
            "[2001:db8:1:1::7%25eth0]:443",
        ] {
            let expected = v6("2001:db8:1:1::");
            assert_eq!(Network::parse(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Network::parse(b"2001:db8:1:2::7"), v6("2001:db8:1:2::"));
    }

    #[test]
    fn invalid_addresses_map_to_the_unknown_network() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.256",
            "192.0.2.7:99999",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[2001:db8::1]:",
            "2001:db8::1]",
            "1",
        ] {
            assert_eq!(Network::parse(text.as_bytes()), Network::Unknown, "{text}");
        }
        assert_eq!(Network::parse(b"192.0.2.7\xe9"), Network::Unknown);
    }

    #[test]
    fn a_fingerprint_depends_on_network_and_key() {
        let key = |root: u8| RootKey::new(&[root; 32]).fingerprint_key(Purpose::Address);
        let named =
            |root, text: &str| ClientAddress::new(&key(root), Network::parse(text.as_bytes()));
        assert_eq!(named(7, "2001:db8::1"), named(7, "[2001:db8::2]:80"));
        assert_ne!(named(7, "2001:db8::1"), named(8, "2001:db8::1"));
        assert_ne!(named(7, "192.0.2.1"), named(7, "192.0.2.2"));
        assert_eq!(named(7, "192.0.2.1").fingerprint().len(), 22);
    }
}
