//! What a component's shell needs of the host: one app an instance, and work after the response.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use accounts::breached::BreachedPasswords;
use axum::extract::Request;
use axum::response::Response;

use spin_pg_bindings::postgres::HostPostgres;
use spin_pg_bindings::redis::HostRedis;

use crate::app::answer_without_router;
use crate::breach_api::{BaseUrl, HostPasswordRanges};
use crate::config::{ConfigError, HttpConfig, Variables};
use crate::services::Stores;
use crate::{App, Problem};

/// How long one statement may take, a new connection included: a client hears of a Postgres that is
/// gone within two seconds.
const POSTGRES_DEADLINE: Duration = Duration::from_millis(1_500);
/// How long Redis may take before Postgres is asked instead.
const REDIS_DEADLINE: Duration = Duration::from_millis(100);
/// How long a refused login is held back.
const PAUSE: Duration = Duration::from_millis(500);

/// The host's Postgres and Redis, and the server that knows breached passwords.
pub fn stores(variables: &Variables) -> Result<Stores, ConfigError> {
    let postgres = HostPostgres::new(variables.postgres()?.dsn(), POSTGRES_DEADLINE);
    let redis = HostRedis::new(variables.redis_url()?, REDIS_DEADLINE);
    Ok(Stores {
        database: Arc::new(postgres),
        redis: Arc::new(redis),
        deferred: Arc::new(HostDeferred),
        breached: breached_passwords(variables)?,
    })
}

fn breached_passwords(variables: &Variables) -> Result<BreachedPasswords, ConfigError> {
    let Some(base) = BaseUrl::read(variables)? else {
        return Ok(BreachedPasswords::off());
    };
    let log_level = HttpConfig::read(variables)?.log_level;
    let ranges = HostPasswordRanges::new(base, log_level);
    Ok(BreachedPasswords::new(Arc::new(ranges)))
}

/// Waits a moment.
pub fn pause() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(spin_sdk::time::sleep(PAUSE))
}

/// The app of this instance, built at the first request and kept for the next ones.
pub struct Instance(OnceLock<App>);

impl Instance {
    #[allow(
        clippy::new_without_default,
        reason = "statics need a const constructor"
    )]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Answers `request`. Two first requests may both build; one result is kept, since nothing
    /// may wait for what another request completes. A variable that makes no sense is logged by
    /// name and answered with 500; the next request tries again.
    pub async fn handle<F>(&self, request: Request, build: impl FnOnce() -> F) -> Response
    where
        F: Future<Output = Result<App, ConfigError>>,
    {
        let app = match self.0.get() {
            Some(app) => app,
            None => match build().await {
                Ok(app) => self.0.get_or_init(|| app),
                Err(error) => {
                    let problem = Problem::internal(format!("configuration: {error}"));
                    return answer_without_router(&request, &problem);
                }
            },
        };
        app.handle(request).await
    }
}

/// Work that outlives the request, in this instance.
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
