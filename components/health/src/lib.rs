//! The health component: `/api/v1/health`, `/live` and `/ready`, and `/metrics`.
//!
//! Entry point for the host; [`routes`] has the endpoints.

mod checks;
mod metrics;
pub mod routes;
mod start;
pub mod state;

#[cfg(target_arch = "wasm32")]
mod component {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::future::join_all;
    use spin_pg_bindings::Deadline;
    use spin_pg_bindings::postgres::HostPostgres;
    use spin_pg_bindings::redis::HostRedis;
    use web::config::{Component, ConfigError, HttpConfig, Variables};
    use web::wiring::host::{HostDeferred, HostRequest, HostResponse, Instance};
    use web::wiring::startup::{self, StartupReport};
    use web::{App, Metrics};

    use crate::routes::router;
    use crate::start::Components;
    use crate::state::HealthState;

    /// Deadline that lets `ready` respond to a probe within a second.
    const POSTGRES_DEADLINE: Deadline = Deadline {
        store: Duration::from_millis(750),
        hard: Duration::from_millis(900),
    };
    const REDIS_DEADLINE: Deadline = Deadline {
        store: Duration::from_millis(100),
        hard: Duration::from_millis(500),
    };
    const COMPONENTS_DEADLINE: Duration = Duration::from_millis(750);

    static APP: Instance = Instance::new("health");

    /// The other components, of which a host may serve only some.
    struct Others;

    #[async_trait::async_trait]
    impl Components for Others {
        async fn query(&self) -> Vec<StartupReport> {
            let query = |component| startup::query(component, COMPONENTS_DEADLINE);
            let others = Component::ALL.into_iter();
            let others = others.filter(|component| *component != Component::Health);
            join_all(others.map(|component| query(component.name()))).await
        }
    }

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(Component::Health).await?;
        let postgres = HostPostgres::new(variables.postgres()?.dsn(), POSTGRES_DEADLINE);
        let redis = Arc::new(HostRedis::new(variables.redis_url()?, REDIS_DEADLINE));
        let metrics = Metrics::new(redis.clone(), Arc::new(HostDeferred));
        let config = HttpConfig::read(&variables)?;
        let state = HealthState {
            database: Arc::new(postgres),
            redis,
            others: Arc::new(Others),
            log: config.log.clone(),
            host: variables.text("host_id")?.into(),
        };
        Ok(App::new(router(state), &config).with_metrics(metrics))
    }

    #[spin_sdk::http_service]
    async fn handle(request: HostRequest) -> HostResponse {
        APP.serve(request, build).await
    }
}
