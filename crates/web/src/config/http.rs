//! Configuration of the wrapper around every router: CORS and the log.

use ::http::HeaderValue;

use super::{ConfigError, Variables};
use crate::middleware::log::{DEFAULT_SERVICE, Level, Log};

/// Configuration of [`crate::App`].
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Exact origins that browsers may call from; empty switches CORS off.
    pub allowed_origins: Vec<HeaderValue>,
    pub log: Log,
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
        Ok(Self {
            allowed_origins,
            log: read_log(variables)?,
        })
    }
}

fn read_log(variables: &Variables) -> Result<Log, ConfigError> {
    let least: Level = variables
        .optional("log_level")
        .unwrap_or("info")
        .parse()
        .map_err(|_| ConfigError::new("log_level", "must be debug, info, warn or error"))?;
    let service = variables.name("service_name", DEFAULT_SERVICE)?;
    let environment = variables.name("environment_name", "local")?;
    Ok(Log::new(least, service, environment))
}

/// Parses exactly `scheme://host[:port]`; `*` and `null` are rejected, because credentials are allowed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::one;

    #[test]
    fn only_exact_origins_are_accepted() {
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
    fn long_or_non_ascii_names_are_rejected() {
        let log = |name, value: &str| HttpConfig::read(&one(name, value)).map(|config| config.log);
        let unset = log("log_level", "info").unwrap();
        assert_eq!(
            (&**unset.service(), &**unset.environment()),
            ("roster", "local")
        );
        let set = log("environment_name", "staging-eu.1").unwrap();
        assert_eq!(&**set.environment(), "staging-eu.1");
        for bad in ["two words", "ä", "a\"b", &"a".repeat(64)] {
            for name in ["service_name", "environment_name"] {
                assert_eq!(log(name, bad).unwrap_err().variable, name, "{bad}");
            }
        }
    }
}
