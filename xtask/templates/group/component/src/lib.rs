//! The __names__ component: `/api/v1/__names__`.
//!
//! Entry point for the host; [`routes`] has the endpoints, [`__name__`] the values and [`store`] the statements.

pub mod __name__;
pub mod routes;
pub mod store;

#[cfg(target_arch = "wasm32")]
mod component {
    use web::App;
    use web::auth::access_token::Verifier;
    use web::config::{Component, ConfigError, HttpConfig, Variables};
    use web::response::cursor::CursorKey;
    use web::wiring::host::{HostRequest, HostResponse, Instance, stores};
    use web::wiring::services::Access;

    use crate::routes::{__Names__State, router};
    use crate::store::__Names__;

    static APP: Instance = Instance::new("__names__");

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(Component::__Names__).await?;
        let stores = stores(&variables)?;
        let access = Access::read(&variables, &stores, Verifier::read(&variables)?)?;
        let state = __Names__State {
            __names__: __Names__::new(stores.database.clone(), &access.root_key),
            cursors: CursorKey::new(&access.root_key),
        };
        let switches = [("rate_limit", variables.text("rate_limit_requests")? != "0")];
        let app = App::new(router(access.control, state), &HttpConfig::read(&variables)?);
        Ok(app.with_metrics(stores.metrics()).with_switches(switches))
    }

    #[spin_sdk::http_service]
    async fn handle(request: HostRequest) -> HostResponse {
        APP.serve(request, build).await
    }
}
