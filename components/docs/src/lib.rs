//! The docs component: `/api/docs` (Swagger UI), `/api/redoc` (ReDoc), and the document that both
//! show, `/api/openapi.json`.
//!
//! This file is the shell that the host calls; [`routes`] has the endpoints. Nothing is counted
//! here: the component reaches no store, and no other host.

mod encoding;
mod files;
pub mod routes;

#[cfg(target_arch = "wasm32")]
mod component {
    use axum::body::Body;
    use axum::response::Response;
    use web::App;
    use web::config::{ConfigError, HttpConfig, Variables};
    use web::host::Instance;

    use crate::routes::router;

    const VARIABLES: [&str; 3] = ["cors_allowed_origins", "docs_enabled", "log_level"];

    static APP: Instance = Instance::new();

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(VARIABLES).await?;
        let router = router(variables.flag("docs_enabled")?);
        Ok(App::new(router, &HttpConfig::read(&variables)?))
    }

    #[spin_sdk::http_service]
    async fn handle(request: spin_sdk::http::Request) -> Response {
        APP.handle(request.map(Body::new), build).await
    }
}
