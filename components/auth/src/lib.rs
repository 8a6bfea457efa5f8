//! The auth component: `/api/v1/auth` and the keys that verify its tokens.
//!
//! Separate from users, because password hashing is CPU work that stalls other requests, and because only
//! this component may have the signing key. Entry point for the host; [`routes`] has the endpoints.

pub mod routes;
mod wire;

#[cfg(target_arch = "wasm32")]
mod component {
    use accounts::Bootstrap;
    use accounts::user::email::Email;
    use web::App;
    use web::auth::access_token::{Signer, Verifier};
    use web::config::{Component, ConfigError, HttpConfig, Variables};
    use web::response::cursor::CursorKey;
    use web::wiring::host::{HostRequest, HostResponse, Instance, breached_passwords, stores};
    use web::wiring::services::{self, Services};

    use crate::routes::{AuthState, router};

    static APP: Instance = Instance::new("auth");

    async fn build() -> Result<App, ConfigError> {
        let variables = Variables::load(Component::Auth).await?;
        let verifier = Verifier::read(&variables)?;
        let stores = stores(&variables)?;
        let metrics = stores.metrics();
        let breached = breached_passwords(&variables)?;
        let services = Services::read(&variables, stores, breached, verifier.clone())?;
        let policy = services::session_policy(&variables)?;
        let sessions = services.sessions(bootstrap(&variables, &services)?, policy);
        let state = AuthState {
            sessions,
            cursors: CursorKey::new(&services.root_key),
            users: services.users.clone(),
            passwords: services.passwords.clone(),
            service_accounts: services.service_accounts(),
            access_control: services.access_control.clone(),
            require_if_match: variables.flag("require_if_match")?,
            signer: Signer::read(&variables)?,
            attributes: services::attributes(&variables)?,
            verifier,
            registration_enabled: variables.flag("registration_enabled")?,
            token_form_enabled: variables.flag("token_form_enabled")?,
            pause: web::wiring::host::pause,
        };
        let is_set = |name| variables.optional(name).is_some();
        let switches = [
            ("bootstrap_admin", is_set("bootstrap_admin_email")),
            ("breach_check", is_set("breach_check_url")),
            ("rate_limit", variables.text("rate_limit_requests")? != "0"),
            ("registration", state.registration_enabled),
            ("token_form", state.token_form_enabled),
        ];
        let app = App::new(
            router(services.access_control, state),
            &HttpConfig::read(&variables)?,
        );
        Ok(app.with_metrics(metrics).with_switches(switches))
    }

    /// Returns the first admin; `None` when the configuration names none.
    fn bootstrap(
        variables: &Variables,
        services: &Services,
    ) -> Result<Option<Bootstrap>, ConfigError> {
        let Some(email) = variables.optional("bootstrap_admin_email") else {
            return Ok(None);
        };
        let wrong = |name, problem: &str| ConfigError::new(name, problem);
        let email = Email::parse(email).map_err(|text| wrong("bootstrap_admin_email", text))?;
        let password = variables.text("bootstrap_admin_password")?;
        Bootstrap::new(email, password, services.hash_slots.clone())
            .map(Some)
            .map_err(|text| wrong("bootstrap_admin_password", text))
    }

    #[spin_sdk::http_service]
    async fn handle(request: HostRequest) -> HostResponse {
        APP.serve(request, build).await
    }
}
