//! The app that the black-box suites share, with its stores.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use devservices::random_hex;
use roster_admin::migrate;

use crate::dev::host::{Host, Kind, Program, devhost_path};
use crate::dev::servers::Servers;
use crate::dev::settings::Settings;

/// Email of the admin that the suites sign in as.
const ADMIN: &str = "admin@example.com";

/// Private Postgres, with all migrations, and Redis.
pub struct Stores {
    settings: Settings,
    database: String,
    cache: String,
    _servers: Servers,
}

impl Stores {
    /// Starts both, with their files in `folder`; installs missing programs.
    pub async fn start(folder: &Path) -> Result<Self> {
        // Not the developer's own .env: tests write, and stop servers.
        let mut settings = Settings::default();
        let servers = Servers::throwaway(&mut settings, folder).await?;
        let database = servers.owner_url(&settings)?;
        migrate::apply(&database).await?;
        Ok(Self {
            cache: settings.redis_url()?.context("redis_host is not set")?,
            database,
            settings,
            _servers: servers,
        })
    }

    /// Sets the variables that name both.
    pub fn describe(&self, tests: &mut Command) {
        tests
            .env("ROSTER_DATABASE_URL", &self.database)
            .env("ROSTER_REDIS_URL", &self.cache);
    }
}

/// A running app without limits but the machine's: suites about limits and defaults start an app of their own.
pub struct App {
    host: Host,
    password: String,
}

impl App {
    /// Serves the components of `manifest` from these stores.
    pub async fn start(stores: &mut Stores, program: &Program, manifest: &Path) -> Result<Self> {
        let password = random_hex(16)?;
        prepare(&mut stores.settings, &password)?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Host::start(manifest, program, listen, &stores.settings)?;
        host.ready().await?;
        Ok(Self { host, password })
    }

    /// Sets the variables that the suites read. Suites that start an app of their own use the same components
    /// and the same kind of host.
    pub fn describe(&self, tests: &mut Command, kind: Kind, manifest: &Path) {
        tests
            .env("ROSTER_URL", &self.host.url)
            .env("ROSTER_ADMIN_EMAIL", ADMIN)
            .env("ROSTER_ADMIN_PASSWORD", &self.password)
            .env("ROSTER_HOST", kind.name())
            .env("ROSTER_MANIFEST", manifest)
            .env("ROSTER_DEVHOST", devhost_path())
            .env("ROSTER_CLI", devhost_path().with_file_name("roster"));
    }
}

fn prepare(settings: &mut Settings, password: &str) -> Result<()> {
    settings.set("cursor_key", &random_hex(32)?);
    settings.set("jwt_secret", &random_hex(32)?);
    for (name, value) in [
        ("bootstrap_admin_email", ADMIN),
        ("bootstrap_admin_password", password),
        ("hash_slots", "2"),
        ("login_attempts_per_account", "10000"),
        ("login_attempts_per_ip", "10000"),
        // Every test signs in as the administrator.
        ("max_sessions", "1000"),
        ("rate_limit_requests", "0"),
        ("registration_enabled", "true"),
        ("token_form_enabled", "true"),
        // A line per request would bury the runner's output.
        ("log_level", "warn"),
    ] {
        settings.set(name, value);
    }
    Ok(())
}
