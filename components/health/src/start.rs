//! Startup of the app: the configuration of every component is valid, and the log describes each component.

use async_trait::async_trait;
use serde::Serialize;
use spin_pg_bindings::redis::{Command, Redis, Reply};
use web::middleware::log::{Level, Log};
use web::wiring::startup::{Started, StartupReport};

/// Seconds for which a host counts as started after its last check. Instances share no memory, and each lives
/// for seconds only.
const STARTUP_LOG_SECONDS: &str = "300";

/// The other components of the app.
#[async_trait]
pub trait Components: Send + Sync + 'static {
    /// Queries the state of each component's configuration.
    async fn query(&self) -> Vec<StartupReport>;
}

/// Log line of a component that started.
#[derive(Serialize)]
struct Line<'a> {
    message: &'static str,
    #[serde(flatten)]
    started: &'a Started,
}

/// Returns the components that started, or the names of the settings that prevent others from starting.
pub fn all(reports: Vec<StartupReport>) -> Result<Vec<Started>, String> {
    let mut started = Vec::new();
    let mut settings = Vec::new();
    for report in reports {
        match report {
            StartupReport::Started(component) => started.push(component),
            StartupReport::Misconfigured(setting) => settings.push(setting),
            StartupReport::None => {}
        }
    }
    settings.sort();
    settings.dedup();
    if settings.is_empty() {
        Ok(started)
    } else {
        Err(settings.join(", "))
    }
}

/// Logs a line per component, once per start of `host`; Redis records the logged lines.
pub async fn announce(redis: &dyn Redis, log: &Log, host: &str, started: &[Started]) {
    let names: Vec<_> = started.iter().map(|one| one.component.as_str()).collect();
    let key = format!("roster:started:{host}:{}", names.join(","));
    let Ok(text) = serde_json::to_string(&(&**log.environment(), started)) else {
        return;
    };
    let args = [
        key.as_str(),
        text.as_str(),
        "EX",
        STARTUP_LOG_SECONDS,
        "GET",
    ];
    let before = redis.execute(&Command::new("SET", args)).await;
    let is_new = match before.as_deref() {
        Ok([Reply::Bytes(before)]) => before != text.as_bytes(),
        Ok(_) => true,
        Err(_) => false,
    };
    if is_new {
        for started in started {
            let message = "started";
            log.write(Level::Info, &Line { message, started });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(component: &str) -> StartupReport {
        StartupReport::Started(Started {
            component: component.into(),
            version: "1".into(),
            switches: [].into(),
        })
    }

    #[test]
    fn invalid_settings_are_listed_once() {
        let wrong = |setting: &str| StartupReport::Misconfigured(setting.into());
        let reports = vec![
            wrong("jwt_secret"),
            wrong("cursor_key"),
            wrong("jwt_secret"),
        ];
        assert_eq!(all(reports), Err("cursor_key, jwt_secret".into()));
    }

    #[test]
    fn components_missing_from_the_host_are_omitted() {
        let found = all(vec![started("users"), StartupReport::None]).unwrap();
        let names: Vec<_> = found.iter().map(|one| one.component.as_str()).collect();
        assert_eq!(names, ["users"]);
    }
}
