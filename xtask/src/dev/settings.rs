//! Settings of the app from the environment and .env, as the SPIN_VARIABLE_* that the host reads.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

const PREFIX: &str = "SPIN_VARIABLE_";

/// Variables of the app by name, in lower case and without the prefix: `db_host`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads the environment, which overrides the file at `env_file`; the file need not exist.
    pub fn load(env_file: &Path) -> Result<Self> {
        let mut settings = Self::from_file(env_file)?;
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        settings.extend(Self::from_pairs(environment)?);
        Ok(settings)
    }

    /// Reads the file at `path`, which need not exist.
    pub fn from_file(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let pairs = dotenvy::from_path_iter(path)
            .and_then(|pairs| pairs.collect::<Result<Vec<_>, _>>())
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::from_pairs(pairs)
    }

    /// Reads SPIN_VARIABLE_*, with DATABASE_URL, REDIS_URL and BOOTSTRAP_ADMIN_* as a fallback.
    fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        let mut settings = Self::default();
        for (name, value) in &pairs {
            if let Some(name) = name.strip_prefix(PREFIX) {
                settings.set(&name.to_ascii_lowercase(), value);
            }
        }
        for name in ["bootstrap_admin_email", "bootstrap_admin_password"] {
            let short = pairs.get(&name.to_ascii_uppercase());
            if let Some(value) = short.filter(|_| settings.get(name).is_none()) {
                settings.set(name, value);
            }
        }
        let url = |name: &str| pairs.get(name).filter(|url| !url.is_empty());
        if let Some(url) = url("DATABASE_URL").filter(|_| settings.get("db_host").is_none()) {
            settings.extend(Self::from_database_url(url).context("DATABASE_URL")?);
        }
        if let Some(url) = url("REDIS_URL").filter(|_| settings.get("redis_host").is_none()) {
            settings.extend(Self::from_redis_url(url).context("REDIS_URL")?);
        }
        Ok(settings)
    }

    /// Splits `postgres://user:password@host:port/database?sslmode=...` into `db_*`.
    pub fn from_database_url(url: &str) -> Result<Self> {
        let url = Url::parse(url)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            bail!("the scheme is not postgres");
        }
        let sslmode = url.query_pairs().find(|(name, _)| name == "sslmode");
        let sslmode = match sslmode.as_ref().map(|(_, value)| &**value) {
            // The app's `require` verifies the certificate.
            Some("verify-ca" | "verify-full") => Some("require"),
            Some(mode @ ("disable" | "prefer" | "require")) => Some(mode),
            Some(mode) => bail!("sslmode={mode} is not supported"),
            // A server on this machine has no certificate that can be verified.
            None if is_loopback(&url) => Some("disable"),
            None => None,
        };
        let mut settings = Self::default();
        settings.set("db_host", url.host_str().context("the URL has no host")?);
        settings.set("db_port", &url.port().unwrap_or(5432).to_string());
        let database = decode(url.path().trim_start_matches('/'))?;
        let user = decode(url.username())?;
        let optional = [("db_name", database), ("db_user", user)];
        for (name, value) in optional.iter().filter(|(_, value)| !value.is_empty()) {
            settings.set(name, value);
        }
        settings.set("db_password", &decode(url.password().unwrap_or_default())?);
        if let Some(sslmode) = sslmode {
            settings.set("db_sslmode", sslmode);
        }
        Ok(settings)
    }

    /// Splits `redis[s]://user:password@host:port` into `redis_*`.
    pub fn from_redis_url(url: &str) -> Result<Self> {
        let url = Url::parse(url)?;
        let tls = match url.scheme() {
            "redis" => "false",
            "rediss" => "true",
            _ => bail!("the scheme is not redis or rediss"),
        };
        if !matches!(url.path(), "" | "/" | "/0") {
            bail!("only database 0 is supported");
        }
        let mut settings = Self::default();
        settings.set("redis_host", url.host_str().context("the URL has no host")?);
        settings.set("redis_port", &url.port().unwrap_or(6379).to_string());
        settings.set("redis_user", &decode(url.username())?);
        settings.set(
            "redis_password",
            &decode(url.password().unwrap_or_default())?,
        );
        settings.set("redis_tls", tls);
        Ok(settings)
    }

    /// Returns a URL made of `db_*`; `None` when no `db_host` is set.
    pub fn database_url(&self) -> Result<Option<String>> {
        let Some(host) = self.get("db_host") else {
            return Ok(None);
        };
        let or = |name, default| self.get(name).unwrap_or(default);
        let mut url = Url::parse(&format!("postgres://{host}:{}", or("db_port", "5432")))
            .context("invalid db_host or db_port")?;
        let password = self.get("db_password").unwrap_or_default();
        let named = url.set_username(or("db_user", "roster"));
        if named
            .and_then(|()| url.set_password(Some(password)))
            .is_err()
        {
            bail!("db_host cannot be empty");
        }
        url.set_path(or("db_name", "roster"));
        let sslmode = match or("db_sslmode", "prefer") {
            // The app verifies the certificate, so migrations do, too.
            "require" => "verify-full",
            mode => mode,
        };
        url.query_pairs_mut().append_pair("sslmode", sslmode);
        Ok(Some(url.into()))
    }

    /// Returns a URL made of `redis_*`; `None` when no `redis_host` is set.
    pub fn redis_url(&self) -> Result<Option<String>> {
        let Some(host) = self.get("redis_host") else {
            return Ok(None);
        };
        let scheme = match self.get("redis_tls") {
            Some("true") => "rediss",
            _ => "redis",
        };
        let port = self.get("redis_port").unwrap_or("6379");
        let mut url = Url::parse(&format!("{scheme}://{host}:{port}"))
            .context("invalid redis_host or redis_port")?;
        let named = url.set_username(self.get("redis_user").unwrap_or_default());
        if named
            .and_then(|()| url.set_password(self.get("redis_password")))
            .is_err()
        {
            bail!("redis_host cannot be empty");
        }
        Ok(Some(url.into()))
    }

    /// Returns a value that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Sets a value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Takes over every value of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keeps the values whose names `keep` accepts.
    pub fn retain(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|name, _| keep(name));
        self
    }

    /// Names and values of the environment variables for the host.
    pub fn environment(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(name, value)| {
            (
                format!("{PREFIX}{}", name.to_ascii_uppercase()),
                value.as_str(),
            )
        })
    }
}

fn decode(text: &str) -> Result<String> {
    Ok(percent_decode_str(text).decode_utf8()?.into_owned())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // The host of a scheme outside the URL standard is left unparsed.
        Some(Host::Domain(name)) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
