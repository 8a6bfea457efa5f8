//! Servers and users of one target.

use std::path::Path;

use anyhow::{Context, Result};
use devservices::random_hex;
use roster_admin::{Operator, migrate, random_password};
use serde_json::{Value, json};

use crate::dev::first_admin;
use crate::dev::servers::Servers;
use crate::dev::settings::Settings;

const ACCOUNTS: usize = 1_000;

/// Running servers with a filled database.
pub struct Filled {
    _servers: Servers,
    /// Settings for the target's environment.
    pub settings: Settings,
    /// Data for the load generator.
    pub data: Value,
}

impl Filled {
    /// Starts Postgres and Redis with their files in `dir`, and creates an admin, accounts that log in,
    /// and `users` other users.
    pub async fn start(dir: &Path, users: u64) -> Result<Self> {
        let mut settings = Settings::default();
        let servers = Servers::throwaway(&mut settings, dir).await?;
        let url = servers.owner_url(&settings)?;
        migrate::apply(&url).await?;
        let password = random_password()?;
        settings.set("bootstrap_admin_password", &password);
        let first_admin = first_admin::take(&mut settings)?;
        let operator = Operator::connect(&url).await?;
        let admin = first_admin.provide(&operator).await?;
        drop(operator);
        fill(&url, &admin.email, users).await?;
        settings.set("cursor_key", &random_hex(32)?);
        settings.set("jwt_secret", &random_hex(32)?);
        for (name, value) in [
            ("jwt_algorithm", "HS256"),
            ("jwt_issuer", "roster"),
            ("jwt_audience", "roster-api"),
            ("rate_limit_requests", "0"),
            ("rate_limit_window_seconds", "60"),
            ("cache_ttl_seconds", "30"),
            ("hash_slots", "1"),
            ("login_attempts_per_account", "1000000"),
            ("login_attempts_per_ip", "1000000"),
            // Logging each request would distort the measurement.
            ("log_level", "error"),
        ] {
            settings.set(name, value);
        }
        let redis = |name| {
            settings
                .get(name)
                .context("Redis has no address or password")
        };
        let data = json!({
            "admin_email": admin.email,
            "password": password,
            "users": users,
            "accounts": (0..ACCOUNTS).map(account).collect::<Vec<_>>(),
            "redis_address": format!("{}:{}", redis("redis_host")?, redis("redis_port")?),
            "redis_password": redis("redis_password")?,
        });
        Ok(Self {
            _servers: servers,
            settings,
            data,
        })
    }
}

fn account(number: usize) -> String {
    format!("account-{number}@example.com")
}

/// Adds users in one statement: through the API, a hundred thousand would take minutes. Accounts have
/// the admin's password hash.
async fn fill(url: &str, admin: &str, users: u64) -> Result<()> {
    let database = roster_admin::connect(url).await?;
    // The load generator computes the same ids from a number.
    let sql = format!(
        "SET statement_timeout = 0;
         INSERT INTO users (id, email, full_name, created_at, updated_at)
         SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                'user-' || n || '@example.com', 'User ' || n, moment, moment
         FROM generate_series(0, {users} - 1) AS n,
              LATERAL (SELECT now() - n * interval '1 minute' AS moment) AS moments;
         INSERT INTO users (id, email, full_name, password_hash)
         SELECT gen_random_uuid(), 'account-' || n || '@example.com', 'Account ' || n,
                (SELECT password_hash FROM users WHERE email = '{admin}')
         FROM generate_series(0, {ACCOUNTS} - 1) AS n;"
    );
    database
        .batch(&sql)
        .await
        .context("cannot fill the database")?;
    // Separate, because several statements at once are a transaction, in which VACUUM fails.
    database
        .batch("VACUUM ANALYZE users")
        .await
        .context("cannot analyse the users")
}

#[cfg(test)]
mod tests {
    use super::account;

    #[test]
    fn account_names_match_the_seed_statement() {
        assert_eq!(account(7), "account-7@example.com");
    }
}
