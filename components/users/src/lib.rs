//! The users component: `/api/v1/users`.
//!
//! This file is the shell that the host calls; [`routes`] has the endpoints.

pub mod routes;
mod wire;

#[cfg(target_arch = "wasm32")]
mod component {
    use std::sync::Arc;
    use std::time::Duration;

    use accounts::Users;
    use axum::body::Body;
    use axum::response::Response;
    use spin_pg_bindings::postgres::HostPostgres;
    use spin_pg_bindings::redis::HostRedis;
    use web::config::{COMMON, ConfigError, HttpConfig, Variables};
    use web::cursor::CursorKey;
    use web::host::{HostDeferred, Instance};
    use web::{App, Metrics};

    use crate::routes::{UsersState, router};

    /// How long one statement may take, a new connection included: a client hears of a Postgres
    /// that is gone within two seconds.
    const POSTGRES_DEADLINE: Duration = Duration::from_millis(1_500);
    /// How long the cache may take before Postgres is asked instead.
    const REDIS_DEADLINE: Duration = Duration::from_millis(100);

    static APP: Instance = Instance::new();

    async fn build() -> Result<App, ConfigError> {
        let own = ["cache_ttl_seconds", "cursor_key", "require_if_match"];
        let variables = Variables::load(COMMON.iter().copied().chain(own)).await?;
        let postgres = HostPostgres::new(variables.postgres()?.dsn(), POSTGRES_DEADLINE);
        let redis = Arc::new(HostRedis::new(variables.redis_url()?, REDIS_DEADLINE));
        let metrics = Metrics::new(redis.clone(), Arc::new(HostDeferred));
        let cache_ttl = Duration::from_secs(variables.number("cache_ttl_seconds", 1..=30)?);
        let users = Users::new(Arc::new(postgres), redis, cache_ttl, Arc::new(HostDeferred));
        let state = UsersState {
            users,
            cursors: CursorKey::new(variables.secret("cursor_key")?),
            require_if_match: variables.flag("require_if_match")?,
        };
        let app = App::new(router(state), &HttpConfig::read(&variables)?);
        Ok(app.with_metrics(metrics))
    }

    #[spin_sdk::http_service]
    async fn handle(request: spin_sdk::http::Request) -> Response {
        APP.handle(request.map(Body::new), build).await
    }
}
