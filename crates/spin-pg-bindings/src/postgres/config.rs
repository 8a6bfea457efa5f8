//! Address and credentials of the database, as a connection string.

use std::fmt;

/// Parts of a connection string. `Debug` omits the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionConfig {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: String,
    /// `disable`, `prefer` or `require`.
    pub sslmode: String,
    pub connect_timeout_secs: u32,
}

impl ConnectionConfig {
    /// Returns the connection string in key=value form, with every value quoted (libpq 34.1.1.1).
    pub fn dsn(&self) -> String {
        let port = self.port.to_string();
        let connect_timeout = self.connect_timeout_secs.to_string();
        let pairs = [
            ("host", self.host.as_str()),
            ("port", &port),
            ("dbname", &self.database),
            ("user", &self.user),
            ("password", &self.password),
            ("sslmode", &self.sslmode),
            ("connect_timeout", &connect_timeout),
        ];
        pairs
            .map(|(key, value)| format!("{key}={}", quoted(value)))
            .join(" ")
    }
}

/// Quotes a value; backslashes and quotes are escaped by a backslash.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("sslmode", &self.sslmode)
            .field("connect_timeout_secs", &self.connect_timeout_secs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(password: &str) -> ConnectionConfig {
        ConnectionConfig {
            host: "db.example".into(),
            port: 5433,
            database: "roster".into(),
            user: "app".into(),
            password: password.into(),
            sslmode: "disable".into(),
            connect_timeout_secs: 2,
        }
    }

    #[test]
    fn every_value_is_quoted() {
        assert_eq!(
            config("p w").dsn(),
            "host='db.example' port='5433' dbname='roster' user='app' password='p w' \
             sslmode='disable' connect_timeout='2'"
        );
    }

    #[test]
    #[cfg(feature = "native")]
    fn the_driver_parses_the_connection_string() {
        for password in [
            "",
            "plain",
            "it's",
            r"back\slash",
            r"\'",
            "a b=c host='evil'",
            "ü",
        ] {
            let parsed: tokio_postgres::Config = config(password).dsn().parse().unwrap();
            assert_eq!(
                parsed.get_password().unwrap(),
                password.as_bytes(),
                "{password}"
            );
            assert_eq!(
                parsed.get_hosts(),
                [tokio_postgres::config::Host::Tcp("db.example".into())]
            );
            assert_eq!(parsed.get_ports(), [5433]);
        }
    }

    #[test]
    fn debug_hides_the_password() {
        assert!(!format!("{:?}", config("hunter2")).contains("hunter2"));
    }
}
