//! The health component: `/api/v1/health`, `/live` and `/ready`, and `/metrics`.
//!
//! This file is the shell that the host calls; [`routes`] has the endpoints.

mod metrics;
pub mod routes;

#[cfg(target_arch = "wasm32")]
mod component {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::Body;
    use axum::response::Response;
    use spin_pg_bindings::postgres::HostPostgres;
    use spin_pg_bindings::redis::HostRedis;
    use web::config::{COMMON, ConfigError, HttpConfig, Variables};
    use web::host::{HostDeferred, Instance};
    use web::{App, Metrics};

    use crate::routes::{HealthState, router};

    /// A probe hears from `ready` within a second.
    const POSTGRES_DEADLINE: Duration = Duration::from_millis(900);
    const REDIS_DEADLINE: Duration = Duration::from_millis(100);

    static APP: Instance = Instance::new();

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(COMMON.iter().copied()).await?;
        let postgres = HostPostgres::new(variables.postgres()?.dsn(), POSTGRES_DEADLINE);
        let redis = Arc::new(HostRedis::new(variables.redis_url()?, REDIS_DEADLINE));
        let metrics = Metrics::new(redis.clone(), Arc::new(HostDeferred));
        let state = HealthState {
            database: Arc::new(postgres),
            redis,
        };
        let app = App::new(router(state), &HttpConfig::read(&variables)?);
        Ok(app.with_metrics(metrics))
    }

    #[spin_sdk::http_service]
    async fn handle(request: spin_sdk::http::Request) -> Response {
        APP.handle(request.map(Body::new), build).await
    }
}
