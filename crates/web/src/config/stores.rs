//! Connection settings of Postgres and Redis.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use spin_pg_bindings::postgres::ConnectionConfig;

use super::{ConfigError, Variables};

/// All but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Variables {
    /// Address of Postgres, and the app's credentials.
    pub fn postgres(&self) -> Result<ConnectionConfig, ConfigError> {
        let sslmode = self.word("db_sslmode", "prefer")?;
        Ok(ConnectionConfig {
            host: self.text("db_host")?.to_owned(),
            port: self.number("db_port")?,
            database: self.text("db_name")?.to_owned(),
            user: self.text("db_user")?.to_owned(),
            password: self.text("db_password")?.to_owned(),
            sslmode: sslmode.to_owned(),
            connect_timeout_secs: 2,
        })
    }

    /// The Redis URL, with the percent-encoded user and password.
    pub fn redis_url(&self) -> Result<String, ConfigError> {
        let scheme = if self.flag("redis_tls")? {
            "rediss"
        } else {
            "redis"
        };
        let host = self.text("redis_host")?;
        let port: u16 = self.number("redis_port")?;
        let encoded = |text| utf8_percent_encode(text, RESERVED);
        let user = encoded(self.optional("redis_user").unwrap_or_default());
        let login = match self.optional("redis_password") {
            Some(password) => format!("{user}:{}@", encoded(password)),
            None => String::new(),
        };
        Ok(format!("{scheme}://{login}{host}:{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_credentials_are_encoded() {
        let variables = Variables::from_pairs([
            ("redis_host", "cache"),
            ("redis_port", "6380"),
            ("redis_user", "app"),
            ("redis_password", "p@ss/word"),
            ("redis_tls", "true"),
        ]);
        assert_eq!(
            variables.redis_url().unwrap(),
            "rediss://app:p%40ss%2Fword@cache:6380"
        );
    }
}
