//! Keyed fingerprints: HMAC-SHA-256 under a key per purpose.

use std::net::{IpAddr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Purposes of keys.
#[derive(Clone, Copy)]
pub enum Purpose {
    Address,
    LoginEmail,
    Cursor,
}

/// A key for one purpose, with its first block already hashed.
#[derive(Clone)]
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    /// Derives the key from the configured secret.
    pub fn new(root: &[u8], purpose: Purpose) -> Self {
        let purpose = match purpose {
            Purpose::Address => b"address".as_slice(),
            Purpose::LoginEmail => b"login email",
            Purpose::Cursor => b"cursor",
        };
        let derived = Self(hmac(root)).fingerprint(purpose);
        Self(hmac(&derived))
    }

    /// Returns the fingerprint of `value`.
    pub fn fingerprint(&self, value: &[u8]) -> [u8; 32] {
        self.0
            .clone()
            .chain_update(value)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Verifies a fingerprint in constant time.
    pub fn verify(&self, value: &[u8], fingerprint: &[u8]) -> bool {
        let mac = self.0.clone().chain_update(value);
        mac.verify_slice(fingerprint).is_ok()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

/// Fingerprint of a client's network: an IPv4 address, or an IPv6 /64.
#[derive(Clone)]
pub struct Network(pub [u8; 32]);

impl Network {
    pub fn new(key: &FingerprintKey, address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => key.fingerprint(&address.octets()),
            IpAddr::V6(address) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
                key.fingerprint(&network.octets())
            }
        })
    }

    /// Returns 128 bits as text, for the audit trail and for keys in Redis.
    pub fn text(&self) -> String {
        let (half, _) = self.0.split_at(16);
        URL_SAFE_NO_PAD.encode(half)
    }
}
