//! Host services for a component: one app per instance, and work after the response.

mod http;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use accounts::password::breached::BreachedPasswords;
use axum::extract::Request;
use axum::response::Response;

use spin_pg_bindings::postgres::{HostPostgres, RecentResponses};
use spin_pg_bindings::redis::HostRedis;

use crate::auth::endpoints::Endpoint;
use crate::config::deadline;
use crate::config::{ConfigError, HttpConfig, Variables};
use crate::middleware::answer_without_router;
use crate::middleware::log::{Level, Log};
use crate::wiring::pwned_passwords::{BaseUrl, HostPasswordRanges};
use crate::wiring::services::Stores;
use crate::wiring::startup::{self, Started};
use crate::{App, Problem};
pub use http::{HostRequest, HostResponse};

/// Delay of the response to a rejected login.
const PAUSE: Duration = Duration::from_millis(500);

/// Key in Redis that exists while Postgres has recently responded to a statement of any instance.
const POSTGRES_RESPONSES: &str = "roster:postgres:responses";

/// Creates the clients of Postgres and Redis.
pub fn stores(variables: &Variables) -> Result<Stores, ConfigError> {
    let redis = Arc::new(HostRedis::new(variables.redis_url()?, deadline::REDIS));
    let postgres = HostPostgres::new(variables.postgres()?.dsn(), deadline::POSTGRES)
        .with_recent_responses(RecentResponses::new(redis.clone(), POSTGRES_RESPONSES));
    Ok(Stores {
        database: Arc::new(postgres),
        redis,
        deferred: Arc::new(HostDeferred),
    })
}

/// Creates the client of the breached-passwords server. Separate from [`stores`], because it needs outgoing
/// HTTP, which the world of a component must allow.
pub fn breached_passwords(variables: &Variables) -> Result<BreachedPasswords, ConfigError> {
    let Some(base) = BaseUrl::read(variables)? else {
        return Ok(BreachedPasswords::off());
    };
    let log = HttpConfig::read(variables)?.log;
    let ranges = HostPasswordRanges::new(base, log);
    Ok(BreachedPasswords::new(Arc::new(ranges)))
}

/// Waits for the delay of a rejected login.
pub fn pause() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(spin_sdk::time::sleep(PAUSE))
}

/// The app of this instance, built on the first request and kept for later ones.
pub struct Instance {
    component: &'static str,
    app: OnceLock<App>,
}

impl Instance {
    pub const fn new(component: &'static str) -> Self {
        Self {
            component,
            app: OnceLock::new(),
        }
    }

    /// Serves a request from the host.
    pub async fn serve<F>(&self, request: HostRequest, build: impl FnOnce() -> F) -> HostResponse
    where
        F: Future<Output = Result<App, ConfigError>>,
    {
        http::response(self.handle(http::request(request), build).await).await
    }

    /// Handles `request`. Two concurrent first requests may both build the app, and one result is kept: no
    /// request may wait for another one. If a variable is invalid, its name is logged and the response is
    /// 500, or 503 for a readiness or configuration check. The next request tries again.
    async fn handle<F>(&self, request: Request, build: impl FnOnce() -> F) -> Response
    where
        F: Future<Output = Result<App, ConfigError>>,
    {
        let built = match self.app.get() {
            Some(app) => Ok(app),
            None => build().await.map(|app| self.app.get_or_init(|| app)),
        };
        let is_check = startup::is_check(request.uri().path());
        match built {
            Ok(app) if is_check => startup::started(&self.started(app)),
            Ok(app) => app.handle(request).await,
            Err(error) if is_check => {
                let text = format!("invalid configuration of {}: {error}", self.component);
                Log::unconfigured().message(Level::Error, &text);
                startup::misconfigured(error.variable)
            }
            Err(error) => answer_without_router(&request, &not_configured(&request, &error)),
        }
    }

    fn started(&self, app: &App) -> Started {
        Started {
            component: self.component.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            switches: app.switches().clone(),
        }
    }
}

fn not_configured(request: &Request, error: &ConfigError) -> Problem {
    let internal = format!("invalid configuration: {error}");
    if request.uri().path() == Endpoint::Ready.path() {
        Problem::misconfigured(error.variable, internal)
    } else {
        Problem::internal(internal)
    }
}

/// Runs work that outlives the request, in this instance.
pub struct HostDeferred;

#[async_trait::async_trait]
impl accounts::Deferred for HostDeferred {
    fn spawn(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        spin_sdk::wasip3::spawn(work);
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }
}
