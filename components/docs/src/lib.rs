//! The docs component: `/api/docs` (Swagger UI), `/api/redoc` (ReDoc), and the document that both
//! show, `/api/openapi.json`.
//!
//! Entry point for the host; [`routes`] has the endpoints. Requests are not counted here: the component can
//! reach neither a store nor another host.

mod encoding;
mod files;
pub mod routes;

#[cfg(target_arch = "wasm32")]
mod component {
    use web::App;
    use web::config::{Component, ConfigError, HttpConfig, Variables};
    use web::wiring::host::{HostRequest, HostResponse, Instance};

    use crate::routes::router;

    static APP: Instance = Instance::new("docs");

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(Component::Docs).await?;
        let docs = variables.flag("docs_enabled")?;
        let app = App::new(router(docs), &HttpConfig::read(&variables)?);
        Ok(app.with_switches([("docs", docs)]))
    }

    #[spin_sdk::http_service]
    async fn handle(request: HostRequest) -> HostResponse {
        APP.serve(request, build).await
    }
}
