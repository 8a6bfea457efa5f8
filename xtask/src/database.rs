//! Database that a command works on, and a connection to it.

pub mod admin;
pub mod migrate;
pub mod operator;
pub mod sweep;

use anyhow::{Context, Result};
use rustls::{ClientConfig, RootCertStore};
use spin_pg_bindings::postgres::NativePostgres;
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::dev::running_app::Running;
use crate::dev::settings::Settings;
use crate::tools::workspace::{root, state_dir};

/// Returns the URL of the database: the given one, else that of the environment or .env, else that of
/// the app that `cargo xtask up` runs.
pub fn url(given: Option<String>) -> Result<String> {
    if let Some(url) = given {
        return Ok(url);
    }
    if let Some(url) = Settings::load(&root().join(".env"))?.database_url()? {
        return Ok(url);
    }
    let running = Running::find(&state_dir());
    running.map(|running| running.database_url).context(
        "no database is configured: pass --database-url, set DATABASE_URL or SPIN_VARIABLE_DB_HOST, \
         or start `cargo xtask up`",
    )
}

/// Connects to the database at `url`. TLS always verifies the certificate, as the app does.
pub async fn connect(url: &str) -> Result<NativePostgres> {
    let (url, tls) = for_driver(url)?;
    let connected = if tls {
        NativePostgres::connect_with(&url, connector()).await
    } else {
        NativePostgres::connect(&url).await
    };
    connected.context("cannot connect to Postgres")
}

/// The driver has no mode above `require`: the connector verifies.
fn for_driver(url: &str) -> Result<(String, bool)> {
    let mut url = Url::parse(url).context("not a Postgres URL")?;
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut tls = true;
    for (_, mode) in pairs.iter_mut().filter(|(name, _)| name == "sslmode") {
        tls = mode != "disable";
        if matches!(mode.as_str(), "verify-ca" | "verify-full") {
            "require".clone_into(mode);
        }
    }
    url.set_query(None);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Ok((url.into(), tls))
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
    use super::for_driver;

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
}
