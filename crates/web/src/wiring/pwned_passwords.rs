//! Client of the breached-passwords server, and its configuration.

#[cfg(target_arch = "wasm32")]
mod host;

use std::fmt;

use http::Uri;

use crate::config::{ConfigError, Variables};

#[cfg(target_arch = "wasm32")]
pub use host::HostPasswordRanges;

const VARIABLE: &str = "breach_check_url";

/// `scheme://host[:port]`, as in the manifest's `allowed_outbound_hosts`, which has no paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads the variable `breach_check_url`; `None` when it is unset, which switches the check off.
    pub fn read(variables: &Variables) -> Result<Option<Self>, ConfigError> {
        variables.optional(VARIABLE).map(Self::parse).transpose()
    }

    fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            let problem = "must be scheme://host[:port] such as https://api.pwnedpasswords.com";
            ConfigError::new(VARIABLE, problem)
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (scheme, host) = uri.scheme_str().zip(uri.host()).ok_or_else(wrong)?;
        let base = match uri.port_u16() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        };
        // A wildcard would allow every host.
        let named = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
        if base == text && named && ["http", "https"].contains(&scheme) {
            Ok(Self(base))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_scheme_host_and_port() {
        let read = |text: &str| BaseUrl::read(&Variables::from_pairs([(VARIABLE, text)]));
        for good in [
            "https://api.pwnedpasswords.com",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert_eq!(read(good).unwrap().unwrap().to_string(), good);
        }
        for bad in [
            "api.pwnedpasswords.com",
            "ftp://a.example",
            "https://",
            "https://a.example/",
            "https://a.example/range",
            "https://a.example?x",
            "https://u:p@a.example",
            "https://a.example:",
            "https://a.example:99999",
            "https://*.example",
            "https://*",
            "https://a.example:*",
            "https://a b",
        ] {
            assert_eq!(read(bad).unwrap_err().variable, VARIABLE, "{bad}");
        }
    }

    #[test]
    fn unset_is_off() {
        for unset in ["", " "] {
            let variables = Variables::from_pairs([(VARIABLE, unset)]);
            assert_eq!(BaseUrl::read(&variables), Ok(None));
        }
        assert_eq!(BaseUrl::read(&Variables::default()), Ok(None));
    }
}
