//! App variables of a private stack.

use std::collections::BTreeMap;

use devservices::{Postgres, Redis};

/// Administrator of a private stack.
pub const ADMIN_EMAIL: &str = "first.admin@example.com";
pub const ADMIN_PASSWORD: &str = "orchid gravel 41 lantern";
/// Signing secret of a private stack.
pub const JWT_SECRET: &str = "7d1f0c3ab9e84426a5f2c81e90b7d364";

/// Limits of the manifest, for suites about them; by default a stack has none.
pub const DEFAULT_LIMITS: &[(&str, &str)] = &[
    ("hash_slots", "1"),
    ("login_attempts_per_account", "5"),
    ("login_attempts_per_ip", "50"),
    ("login_delay_seconds", "30"),
    ("rate_limit_requests", "100"),
    ("rate_limit_window_seconds", "60"),
    ("registration_enabled", "false"),
    ("token_form_enabled", "false"),
    ("trusted_proxy_hops", "0"),
];

/// All variables of the manifest, so that a developer's .env does not change the tests.
#[derive(Clone)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn of(postgres: &Postgres, redis: &Redis) -> Self {
        let (db_port, redis_port) = (postgres.port().to_string(), redis.port().to_string());
        let cursor_key = uuid::Uuid::new_v4().to_string();
        let mut variables = Self(BTreeMap::new());
        variables.0.extend(settings::all().map(|setting| {
            (
                setting.name.to_owned(),
                setting.default.unwrap_or_default().to_owned(),
            )
        }));
        variables.set(&[
            ("db_host", postgres.host()),
            ("db_port", &db_port),
            ("db_password", postgres.password()),
            ("db_sslmode", "disable"),
            ("redis_host", redis.host()),
            ("redis_port", &redis_port),
            ("redis_password", redis.password().unwrap_or_default()),
            ("cursor_key", &cursor_key),
            ("jwt_secret", JWT_SECRET),
            ("environment_name", "test"),
            ("bootstrap_admin_email", ADMIN_EMAIL),
            ("bootstrap_admin_password", ADMIN_PASSWORD),
            ("host_id", "stack"),
            // The machine is the only limit.
            ("hash_slots", "2"),
            ("login_attempts_per_account", "10000"),
            ("login_attempts_per_ip", "10000"),
            ("rate_limit_requests", "0"),
            ("registration_enabled", "true"),
            ("token_form_enabled", "true"),
        ]);
        variables
    }

    pub(super) fn set(&mut self, variables: &[(&str, &str)]) {
        let owned = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.0.extend(owned);
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the variables in the form that the host reads.
    pub(super) fn environment(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().map(|(name, value)| {
            let name = format!("SPIN_VARIABLE_{}", name.to_uppercase());
            (name, value.as_str())
        })
    }
}
