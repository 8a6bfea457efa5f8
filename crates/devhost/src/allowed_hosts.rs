//! Addresses that a component may connect to: `allowed_outbound_hosts`, with the same semantics as in
//! Spin.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use ipnet::IpNet;
use url::{Host, Url};

use crate::variables::Variables;

/// The parsed list of one component.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<Pattern>);

/// One entry, `scheme://host:port`, with `*` for any in each place.
#[derive(Debug)]
struct Pattern {
    scheme: Option<String>,
    host: HostPattern,
    port: Option<Range<u32>>,
}

#[derive(Debug)]
enum HostPattern {
    Any,
    /// A suffix with its leading dot.
    Subdomain(String),
    Exactly(Host),
    Network(IpNet),
    /// The application itself, see [`AllowedHosts::allows_self`].
    Application,
}

impl AllowedHosts {
    /// Fills and parses the entries.
    ///
    /// # Errors
    /// Returns an error if a template names an unknown variable or an entry is not
    /// `scheme://host[:port]`.
    pub fn parse(entries: &[String], variables: &Variables) -> Result<Self> {
        let mut patterns = Vec::with_capacity(entries.len());
        for entry in entries {
            let filled = variables.fill(entry)?;
            // A template that comes out empty is an optional endpoint that is not set.
            let optional = filled != *entry && matches!(&*filled, "" | "http://" | "https://");
            if !optional {
                patterns.push(
                    Pattern::parse(&filled)
                        .with_context(|| format!("allowed_outbound_hosts entry {filled:?}"))?,
                );
            }
        }
        Ok(Self(patterns))
    }

    /// Returns true if `address` may be connected to. Without a scheme it gets `scheme`; an invalid
    /// address is denied.
    pub fn allows(&self, address: &str, scheme: &str) -> bool {
        let Some(url) = parse_address(address, scheme) else {
            return false;
        };
        self.0.iter().any(|pattern| pattern.allows(&url))
    }

    /// Returns true if requests to the application itself are allowed by HTTP.
    pub fn allows_self(&self) -> bool {
        let is_http = |scheme: &str| ["http", "https"].contains(&scheme);
        self.0.iter().any(|pattern| {
            matches!(pattern.host, HostPattern::Application)
                && pattern.scheme.as_deref().is_none_or(is_http)
        })
    }
}

impl Pattern {
    fn parse(entry: &str) -> Result<Self> {
        let (scheme, rest) = entry
            .trim()
            .split_once("://")
            .context("does not contain a scheme (e.g. 'http://' or '*://')")?;
        let letters = scheme.chars().all(char::is_alphabetic);
        ensure!(scheme == "*" || letters, "the scheme must be letters");
        let (host, port) = match rest.rsplit_once(':') {
            // The last colon may be inside an IPv6 address.
            Some((host, tail)) if tail.is_empty() || HostPattern::parse(rest).is_err() => {
                (host, tail.strip_suffix('/').unwrap_or(tail))
            }
            _ => (rest, ""),
        };
        Ok(Self {
            port: parse_ports(port, scheme)?,
            scheme: (scheme != "*").then(|| scheme.to_owned()),
            host: HostPattern::parse(host)?,
        })
    }

    fn allows(&self, url: &Url) -> bool {
        let scheme = url.scheme();
        let port = url.port().or_else(|| well_known_port(scheme));
        self.scheme.as_deref().is_none_or(|s| s == scheme)
            && url.host_str().is_some_and(|host| self.host.allows(host))
            && self
                .port
                .as_ref()
                .is_none_or(|ports| port.is_some_and(|port| ports.contains(&u32::from(port))))
    }
}

impl HostPattern {
    fn parse(host: &str) -> Result<Self> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Application),
            _ => {}
        }
        if host.contains('/')
            && let Ok(network) = host.parse::<IpNet>()
        {
            return Ok(Self::Network(network));
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        ensure!(!host.contains('/'), "must not include a path");
        if let Some(domain) = host.strip_prefix("*.") {
            let Host::Domain(domain) = Host::parse(domain)? else {
                bail!("wildcard suffix must be a domain");
            };
            return Ok(Self::Subdomain(format!(".{domain}")));
        }
        ensure!(
            !host.contains('*'),
            "wildcards are allowed only as subdomains"
        );
        Ok(Self::Exactly(Host::parse(host)?))
    }

    fn allows(&self, host: &str) -> bool {
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomain(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Exactly(exactly), host) => host == *exactly,
            (Self::Network(network), Host::Ipv4(ip)) => {
                network.contains(&std::net::IpAddr::from(ip))
            }
            (Self::Network(network), Host::Ipv6(ip)) => {
                network.contains(&std::net::IpAddr::from(ip))
            }
            (Self::Subdomain(_) | Self::Network(_) | Self::Application, _) => false,
        }
    }
}

/// Returns `None` for any port; an empty text is the default port of the scheme.
fn parse_ports(port: &str, scheme: &str) -> Result<Option<Range<u32>>> {
    if port == "*" {
        return Ok(None);
    }
    let one = |text: &str| -> Result<u32> {
        let number: u16 = text
            .parse()
            .with_context(|| format!("invalid port {text:?}"))?;
        Ok(number.into())
    };
    let range = if let Some((start, end)) = port.split_once("..") {
        one(start)?..one(end)?
    } else if port.is_empty() {
        let port = well_known_port(scheme)
            .with_context(|| format!("no port, and scheme {scheme:?} has no default port"))?;
        u32::from(port)..u32::from(port) + 1
    } else {
        one(port)?..one(port)? + 1
    };
    Ok(Some(range))
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn parse_address(address: &str, scheme: &str) -> Option<Url> {
    let address = without_userinfo(address);
    match Url::parse(&address) {
        Ok(url) if url.has_host() => Some(url),
        _ => Url::parse(&format!("{scheme}://{address}")).ok(),
    }
}

/// Removes `user:password@`, which may hold characters that are invalid in a URL.
fn without_userinfo(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + "://".len());
    let (scheme, rest) = address.split_at(start);
    match rest.split_once('@') {
        Some((user, host)) if !user.contains('/') => format!("{scheme}{host}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, allowed: &[&str], refused: &[&str]) {
        let hosts = AllowedHosts(vec![Pattern::parse(entry).unwrap()]);
        for address in allowed {
            assert!(
                hosts.allows(address, "postgres"),
                "{entry} does not allow {address}"
            );
        }
        for address in refused {
            assert!(
                !hosts.allows(address, "postgres"),
                "{entry} allows {address}"
            );
        }
    }

    #[test]
    fn scheme_host_and_port_must_match() {
        check(
            "postgres://db:5432",
            &["postgres://db", "postgres://u:p@db:5432/x", "db:5432", "db"],
            &[
                "postgres://db:5433",
                "redis://db:5432",
                "postgres://other",
                "other:5432",
            ],
        );
        check(
            "redis://db:6379",
            &["redis://:secret@db"],
            &["rediss://db:6379"],
        );
        check(
            "postgres://127.0.0.1:5000",
            &["127.0.0.1:5000"],
            &["localhost:5000"],
        );
    }

    #[test]
    fn a_password_may_hold_any_character_but_a_slash() {
        check(
            "redis://db:1",
            &["redis://u:p#?%@db:1"],
            &["redis://u:p#?%@other:1"],
        );
    }

    #[test]
    fn wildcards_match_scheme_host_and_port() {
        check("*://*:*", &["postgres://a:1", "b"], &[]);
        check(
            "https://*.example.com",
            &["https://a.example.com"],
            &["https://example.com"],
        );
        check(
            "postgres://10.0.0.0/8:*",
            &["10.1.2.3:77"],
            &["11.1.2.3:77", "db:77"],
        );
        check("postgres://db:10..12", &["db:10", "db:11"], &["db:12"]);
        check(
            "postgres://[::1]:5432",
            &["postgres://[::1]:5432"],
            &["postgres://[::2]:5432"],
        );
    }

    #[test]
    fn invalid_entries_are_rejected() {
        for entry in [
            "",
            "*",
            "db:5432",
            "postgres://db/path",
            "foo://db",
            "http://a*b",
            "http://a:x",
        ] {
            assert!(Pattern::parse(entry).is_err(), "{entry:?}");
        }
    }
}
