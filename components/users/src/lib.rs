//! The users component: `/api/v1/users`.
//!
//! Entry point for the host; [`routes`] has the endpoints.

pub mod routes;
mod wire;

#[cfg(target_arch = "wasm32")]
mod component {
    use accounts::Audit;
    use accounts::SessionPolicy;
    use accounts::feed::Feed;
    use web::App;
    use web::auth::access_token::Verifier;
    use web::config::{Component, ConfigError, HttpConfig, Variables};
    use web::response::cursor::CursorKey;
    use web::wiring::host::{HostRequest, HostResponse, Instance, breached_passwords, stores};
    use web::wiring::services::{self, Services};

    use crate::routes::{UsersState, router};

    static APP: Instance = Instance::new("users");

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(Component::Users).await?;
        let stores = stores(&variables)?;
        let metrics = stores.metrics();
        let breached = breached_passwords(&variables)?;
        let audit = Audit::new(stores.database.clone());
        let feed = Feed::new(stores.database.clone(), stores.deferred.clone());
        let services = Services::read(&variables, stores, breached, Verifier::read(&variables)?)?;
        let state = UsersState {
            sessions: services.sessions(None, SessionPolicy::default()),
            users: services.users,
            passwords: services.passwords,
            audit,
            feed,
            cursors: CursorKey::new(&services.root_key),
            require_if_match: variables.flag("require_if_match")?,
            attributes: services::attributes(&variables)?,
            exports_password_hashes: variables.flag("password_hash_export_enabled")?,
        };
        let switches = [
            (
                "breach_check",
                variables.optional("breach_check_url").is_some(),
            ),
            ("password_hash_export", state.exports_password_hashes),
            ("rate_limit", variables.text("rate_limit_requests")? != "0"),
            ("require_if_match", state.require_if_match),
        ];
        let app = App::new(
            router(services.access_control, state),
            &HttpConfig::read(&variables)?,
        );
        Ok(app.with_metrics(metrics).with_switches(switches))
    }

    #[spin_sdk::http_service]
    async fn handle(request: HostRequest) -> HostResponse {
        APP.serve(request, build).await
    }
}
