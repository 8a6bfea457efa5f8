//! Connections to a database, by its URL.

use anyhow::{Context, Result};
use rustls::{ClientConfig, RootCertStore};
use spin_pg_bindings::postgres::NativePostgres;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

/// Connects to the database at `url`. TLS always verifies the certificate, as the app does.
///
/// # Errors
/// The URL is malformed, or Postgres does not accept the connection.
pub async fn connect(url: &str) -> Result<NativePostgres> {
    let (url, tls) = for_driver(url)?;
    let connected = if tls {
        NativePostgres::connect_with(&url, connector()).await
    } else {
        NativePostgres::connect(&url).await
    };
    connected.context("cannot connect to Postgres")
}

/// URL for the migrator, with which `require` would not verify the certificate.
pub(crate) fn for_migrations(url: &str) -> Result<String> {
    let (url, _) = with_mode(url, |mode| match mode {
        "require" => "verify-full",
        other => other,
    })?;
    Ok(url)
}

/// URL for the driver, and true if it may use TLS. It has no mode above `require`: the connector verifies.
fn for_driver(url: &str) -> Result<(String, bool)> {
    let (url, mode) = with_mode(url, |mode| match mode {
        "verify-ca" | "verify-full" => "require",
        other => other,
    })?;
    Ok((url, mode.as_deref() != Some("disable")))
}

/// Replaces the `sslmode` of a URL; returns both.
fn with_mode(url: &str, replace: fn(&str) -> &str) -> Result<(String, Option<String>)> {
    let mut url = Url::parse(url).context("not a Postgres URL")?;
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut used = None;
    for (_, mode) in pairs.iter_mut().filter(|(name, _)| name == "sslmode") {
        *mode = replace(mode).to_owned();
        used = Some(mode.clone());
    }
    url.set_query(None);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok((url.into(), used))
}

fn connector() -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

#[cfg(test)]
mod tests {
    use super::{for_driver, for_migrations};

    #[test]
    fn ssl_modes_are_converted_for_the_driver() {
        for (given, expected, tls) in [
            ("postgres://u:p%2F@h/d", "postgres://u:p%2F@h/d", true),
            (
                "postgres://h/d?sslmode=disable",
                "postgres://h/d?sslmode=disable",
                false,
            ),
            (
                "postgres://h/d?sslmode=prefer",
                "postgres://h/d?sslmode=prefer",
                true,
            ),
            (
                "postgres://h/d?sslmode=verify-full",
                "postgres://h/d?sslmode=require",
                true,
            ),
        ] {
            assert_eq!(for_driver(given).unwrap(), (expected.to_owned(), tls));
        }
    }

    #[test]
    fn a_required_connection_is_verified_by_the_migrator() {
        for (given, expected) in [
            ("postgres://u:p%2F@h/d", "postgres://u:p%2F@h/d"),
            (
                "postgres://h/d?sslmode=require",
                "postgres://h/d?sslmode=verify-full",
            ),
            (
                "postgres://h/d?sslmode=disable",
                "postgres://h/d?sslmode=disable",
            ),
        ] {
            assert_eq!(for_migrations(given).unwrap(), expected);
        }
        let problem = for_migrations("secret").unwrap_err();
        assert!(!format!("{problem:#}").contains("secret"));
    }
}
