//! Configuration: the component's Spin variables, read once, typed and validated.
//!
//! Every failure names the variable, never its value: the log says what to fix.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use http::HeaderValue;
use spin_pg_bindings::postgres::ConnectionConfig;

use crate::log::Level;

/// A variable that is missing or that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable {variable}: {problem}")]
pub struct ConfigError {
    pub variable: &'static str,
    pub problem: String,
}

impl ConfigError {
    pub fn new(variable: &'static str, problem: impl Into<String>) -> Self {
        Self {
            variable,
            problem: problem.into(),
        }
    }
}

/// The variables of one component, by their lower-case Spin names.
#[derive(Default)]
pub struct Variables(BTreeMap<&'static str, String>);

/// The variables that every component reads: the log, CORS and both stores.
pub const COMMON: &[&str] = &[
    "cors_allowed_origins",
    "db_host",
    "db_name",
    "db_password",
    "db_port",
    "db_sslmode",
    "db_user",
    "log_level",
    "redis_host",
    "redis_password",
    "redis_port",
    "redis_tls",
    "redis_user",
];

impl Variables {
    /// Reads `names` from the host.
    #[cfg(target_arch = "wasm32")]
    pub async fn load(names: impl IntoIterator<Item = &'static str>) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for name in names {
            let value = spin_sdk::variables::get(name)
                .await
                .map_err(|error| ConfigError::new(name, error.to_string()))?;
            values.insert(name, value);
        }
        Ok(Self(values))
    }

    /// The same from pairs, for native tests.
    pub fn from_pairs<V: Into<String>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        )
    }

    /// The value, trimmed; an empty one counts as unset.
    pub fn optional(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub fn text(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.optional(name)
            .ok_or_else(|| ConfigError::new(name, "must be set"))
    }

    /// `true` or `false`; unset is `false`.
    pub fn flag(&self, name: &'static str) -> Result<bool, ConfigError> {
        match self.optional(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ConfigError::new(name, "must be `true` or `false`")),
        }
    }

    /// A whole number within `range`.
    pub fn number<T>(&self, name: &'static str, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let wrong = || {
            let (low, high) = (range.start(), range.end());
            ConfigError::new(name, format!("must be a whole number from {low} to {high}"))
        };
        let number = self.text(name)?.parse().map_err(|_| wrong())?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(wrong())
        }
    }

    /// A secret of at least 32 bytes that is not a placeholder: a key that everybody can look up
    /// signs for everybody.
    pub fn secret(&self, name: &'static str) -> Result<Vec<u8>, ConfigError> {
        const MIN_BYTES: usize = 32;
        const MIN_DISTINCT: usize = 8;
        const PLACEHOLDERS: [&str; 5] = ["change", "example", "insecure", "placeholder", "your-"];

        let value = self.text(name)?;
        if value.len() < MIN_BYTES {
            return Err(ConfigError::new(
                name,
                format!("must have at least {MIN_BYTES} bytes"),
            ));
        }
        let distinct = value
            .bytes()
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        let lower = value.to_ascii_lowercase();
        if distinct < MIN_DISTINCT || PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
            return Err(ConfigError::new(
                name,
                "is guessable; use `openssl rand -hex 32`",
            ));
        }
        Ok(value.as_bytes().to_vec())
    }

    /// Where Postgres is and who the app is there.
    pub fn postgres(&self) -> Result<ConnectionConfig, ConfigError> {
        let sslmode = self.optional("db_sslmode").unwrap_or("prefer");
        if !["disable", "prefer", "require"].contains(&sslmode) {
            return Err(ConfigError::new(
                "db_sslmode",
                "must be disable, prefer or require",
            ));
        }
        Ok(ConnectionConfig {
            host: self.text("db_host")?.to_owned(),
            port: self.number("db_port", 1..=u16::MAX)?,
            database: self.text("db_name")?.to_owned(),
            user: self.text("db_user")?.to_owned(),
            password: self.text("db_password")?.to_owned(),
            sslmode: sslmode.to_owned(),
            connect_timeout_secs: 2,
        })
    }

    /// The Redis URL; user and password are percent-encoded into it.
    pub fn redis_url(&self) -> Result<String, ConfigError> {
        let scheme = if self.flag("redis_tls")? {
            "rediss"
        } else {
            "redis"
        };
        let host = self.text("redis_host")?;
        let port: u16 = self.number("redis_port", 1..=u16::MAX)?;
        let user = percent_encode(self.optional("redis_user").unwrap_or_default());
        let login = match self.optional("redis_password") {
            Some(password) => format!("{user}:{}@", percent_encode(password)),
            None => String::new(),
        };
        Ok(format!("{scheme}://{login}{host}:{port}"))
    }
}

/// What the shell around every router needs to know.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Exact origins that browsers may call from; empty switches CORS off.
    pub allowed_origins: Vec<HeaderValue>,
    pub log_level: Level,
}

impl HttpConfig {
    pub fn read(variables: &Variables) -> Result<Self, ConfigError> {
        let allowed_origins = variables
            .optional("cors_allowed_origins")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(parse_origin)
            .collect::<Result<_, _>>()?;
        let log_level = variables
            .optional("log_level")
            .unwrap_or("info")
            .parse()
            .map_err(|problem: &str| ConfigError::new("log_level", problem))?;
        Ok(Self {
            allowed_origins,
            log_level,
        })
    }
}

/// `scheme://host[:port]` and nothing more; `*` and `null` are refused since credentials go along.
fn parse_origin(origin: &str) -> Result<HeaderValue, ConfigError> {
    let wrong = || {
        let problem = format!("`{origin}` is not an origin such as https://app.example.com");
        ConfigError::new("cors_allowed_origins", problem)
    };
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
        .filter(|host| !host.is_empty() && !host.contains(['/', '*', '@', '?', '#', ' ']))
        .ok_or_else(wrong)?;
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong());
    }
    HeaderValue::from_str(origin).map_err(|_| wrong())
}

/// RFC 3986: everything but unreserved characters.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &'static str, value: &str) -> Variables {
        Variables::from_pairs([(name, value)])
    }

    #[test]
    fn an_error_names_the_variable() {
        let error = one("db_port", "many")
            .number("db_port", 1..=u16::MAX)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "variable db_port: must be a whole number from 1 to 65535"
        );
        assert_eq!(
            one("x", " ").text("db_host").unwrap_err().variable,
            "db_host"
        );
    }

    #[test]
    fn guessable_secrets_are_refused() {
        for weak in [
            "",
            "short",
            &"a".repeat(64),
            "change-me-change-me-change-me-0123456789",
        ] {
            assert!(
                one("cursor_key", weak).secret("cursor_key").is_err(),
                "{weak}"
            );
        }
        assert!(
            one("cursor_key", &"0123456789abcdef".repeat(2))
                .secret("cursor_key")
                .is_ok()
        );
    }

    #[test]
    fn origins_are_exact() {
        let good = one(
            "cors_allowed_origins",
            "https://a.example, http://localhost:5173",
        );
        assert_eq!(HttpConfig::read(&good).unwrap().allowed_origins.len(), 2);
        for bad in [
            "*",
            "null",
            "https://*.a.example",
            "https://a.example/",
            "a.example",
        ] {
            assert!(
                HttpConfig::read(&one("cors_allowed_origins", bad)).is_err(),
                "{bad}"
            );
        }
    }

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
