//! Constructors of the client: TLS by rustls with ring and the system's root certificates.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use rustls::{ClientConfig, RootCertStore};

use crate::Client;

/// Longer than any response of Roster takes: the change feed waits up to 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(45);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Error of creating a client.
#[derive(Debug)]
pub enum ConnectError {
    /// The base is not an `http` or `https` URL.
    Base,
    /// The token has characters that are invalid in a header.
    Token,
    /// TLS could not be set up.
    Tls(rustls::Error),
    /// The HTTP client could not be set up.
    Http(reqwest::Error),
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Base => f.write_str("the URL must begin with http:// or https://"),
            Self::Token => {
                f.write_str("the token contains characters that are invalid in a header")
            }
            Self::Tls(error) => write!(f, "cannot set up TLS: {error}"),
            Self::Http(error) => write!(f, "cannot set up the HTTP client: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl Client {
    /// Creates an unauthenticated client of the app at `base`, such as `https://roster.example.com`.
    ///
    /// # Errors
    /// Fails if `base` is not such a URL, or if TLS or the HTTP client cannot be set up.
    pub fn new(base: &str) -> Result<Self, ConnectError> {
        Self::build(base, HeaderMap::new())
    }

    /// Creates a client that sends this access token to the app at `base`.
    ///
    /// # Errors
    /// As [`Client::new`], and if the token is invalid in a header.
    pub fn signed_in(base: &str, token: &str) -> Result<Self, ConnectError> {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let mut bearer = bearer.map_err(|_| ConnectError::Token)?;
        bearer.set_sensitive(true);
        Self::build(base, HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
    }

    fn build(base: &str, headers: HeaderMap) -> Result<Self, ConnectError> {
        let client = http(base)?.default_headers(headers).build();
        let base = base.trim_end_matches('/');
        Ok(Self::new_with_client(
            base,
            client.map_err(ConnectError::Http)?,
        ))
    }
}

/// Returns the builder of the HTTP client that a [`Client`] of `base` uses, for a client with other
/// settings ([`Client::new_with_client`]).
///
/// # Errors
/// Fails if `base` is not an `http` or `https` URL, or if TLS cannot be set up.
pub fn http(base: &str) -> Result<reqwest::ClientBuilder, ConnectError> {
    let mut roots = RootCertStore::empty();
    match base.split_once("://") {
        // Reads hundreds of files, so only for https.
        Some(("https", _)) => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(("http", _)) => {}
        _ => return Err(ConnectError::Base),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConnectError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A redirect could send the token elsewhere.
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::{Client, ConnectError};
    use crate::ClientInfo;

    #[test]
    fn only_http_base_urls_are_accepted() {
        assert_eq!(
            Client::new("http://127.0.0.1:1/").unwrap().baseurl(),
            "http://127.0.0.1:1"
        );
        Client::new("https://roster.example.com").unwrap();
        for base in ["", "127.0.0.1:1", "ftp://127.0.0.1"] {
            assert!(
                matches!(Client::new(base), Err(ConnectError::Base)),
                "{base}"
            );
        }
    }

    #[test]
    fn a_token_must_fit_a_header_and_is_hidden() {
        let base = "http://127.0.0.1:1";
        assert!(matches!(
            Client::signed_in(base, "a\nb"),
            Err(ConnectError::Token)
        ));
        let client = Client::signed_in(base, "a.secret.token").unwrap();
        assert!(!format!("{client:?}").contains("secret"));
    }
}
