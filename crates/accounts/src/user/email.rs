//! Email addresses, parsed once and kept in one form.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address in ASCII and lower case, at most 254 bytes (RFC 5321, section 4.5.3.1, erratum 1690).
///
/// Addresses are compared without regard to case. Addresses that need UTF-8 (RFC 6531) are rejected:
/// their equality depends on normalization, which allows look-alikes. A domain name beyond ASCII has its
/// `xn--` form.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    description = "Unique; compared without regard to case and stored in lower case.",
    format = "email",
    max_length = 254,
    example = "ada@example.com"
)]
pub struct Email(String);

impl Email {
    /// Parses `local@domain`: a dot-atom and a host name of at least two labels.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > 254 {
            return Err("must have at most 254 bytes");
        }
        if !text.is_ascii() {
            return Err("must be ASCII; write an international domain in its xn-- form");
        }
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or("must have the form name@example.com")?;
        if local.is_empty() || local.len() > 64 || !local.split('.').all(is_atom) {
            return Err("has an invalid part before the @");
        }
        if !domain.contains('.') || !domain.split('.').all(is_label) {
            return Err("has an invalid domain");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    /// Omits the address: personal data stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

/// An atom of RFC 5322, section 3.2.3.
fn is_atom(atom: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !atom.is_empty() && atom.bytes().all(allowed)
}

/// A label of RFC 1123, section 2.1.
fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_in_lower_case() {
        for (given, kept) in [
            ("Ada@Example.COM", "ada@example.com"),
            ("a.b+c_d@x-y.example", "a.b+c_d@x-y.example"),
            ("i@xn--bcher-kva.example", "i@xn--bcher-kva.example"),
        ] {
            assert_eq!(Email::parse(given).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn invalid_addresses_are_rejected() {
        let long = format!("{}@{}.example", "a".repeat(64), "b".repeat(190));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b..example",
            ".a@b.example",
            "a.@b.example",
            "a@-b.example",
            "a@b.example\r\n",
            "a@b.example\0",
            "a@@b.example",
            "\"a\"@b.example",
            "a@[127.0.0.1]",
            "a\u{ff20}b.example",
            "\u{131}@b.example",
            "e\u{301}@b.example",
            " a@b.example",
            long.as_str(),
        ] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_length_limit_is_254() {
        let of = |length: usize| {
            format!(
                "{}@{}.example",
                "a".repeat(64),
                "b.".repeat(90) + &"c".repeat(length - 64 - 1 - 180 - 8)
            )
        };
        assert_eq!(of(254).len(), 254);
        assert!(Email::parse(&of(254)).is_ok());
        assert!(Email::parse(&of(255)).is_err());
    }
}
