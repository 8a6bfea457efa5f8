//! Which Postgres and Redis the app gets.

use std::path::Path;

use anyhow::Result;
use devservices::{
    Postgres, PostgresOptions, Redis, RedisOptions, Service, app_database, data_folder, install,
    missing, persistent_secret,
};

use crate::compose::{self, Compose};
use crate::settings::Settings;
use crate::workspace::step;

/// What was started for the app. Dropping it stops Redis, then Postgres.
#[derive(Default)]
pub struct Servers {
    _redis: Option<Redis>,
    _postgres: Option<Postgres>,
    _compose: Option<Compose>,
}

impl Servers {
    /// Completes `settings` with the servers that they do not name: private ones with their data
    /// under `state` where the programs are installed, else containers, else private ones after an
    /// install. The error of the last says what to install.
    pub async fn provide(settings: &mut Settings, state: &Path) -> Result<Self> {
        let mut wanted = Vec::new();
        for (service, key) in [
            (Service::Postgres, "db_host"),
            (Service::Redis, "redis_host"),
        ] {
            match settings.get(key) {
                Some(host) => step(&format!("using {service:?} at {host}")),
                None => wanted.push(service),
            }
        }
        let lacking = missing(&wanted);
        let mut servers = Self::default();
        if !lacking.is_empty() {
            if compose::works() {
                let compose = Compose::start(&names(&lacking), state)?;
                settings.extend(only(&lacking, compose.settings()?));
                servers._compose = Some(compose);
                wanted.retain(|service| !lacking.contains(service));
            } else {
                step(&format!("installing {}", names(&lacking).join(" and ")));
                install(&lacking)?;
            }
        }
        let data = data_folder(state)?;
        if wanted.contains(&Service::Postgres) {
            servers._postgres = Some(postgres(settings, &data, true).await?);
        }
        if wanted.contains(&Service::Redis) {
            servers._redis = Some(redis(settings, &data)?);
        }
        Ok(servers)
    }

    /// Throwaway servers for tests, with their files in `dir`; installs what is missing.
    pub async fn throwaway(settings: &mut Settings, dir: &Path) -> Result<Self> {
        let lacking = missing(&[Service::Postgres, Service::Redis]);
        if !lacking.is_empty() {
            step(&format!("installing {}", names(&lacking).join(" and ")));
            install(&lacking)?;
        }
        Ok(Self {
            _postgres: Some(postgres(settings, dir, false).await?),
            _redis: Some(redis(settings, dir)?),
            _compose: None,
        })
    }
}

async fn postgres(settings: &mut Settings, dir: &Path, durable: bool) -> Result<Postgres> {
    step("starting Postgres");
    let server = Postgres::start(&dir.join("postgres"), PostgresOptions { durable })?;
    let url = app_database(&server.url("postgres")).await?;
    settings.extend(Settings::from_database_url(&url)?);
    Ok(server)
}

fn redis(settings: &mut Settings, dir: &Path) -> Result<Redis> {
    step("starting Redis");
    std::fs::create_dir_all(dir)?;
    let password = Some(persistent_secret(&dir.join("redis-password"))?);
    let server = Redis::start(&dir.join("redis"), RedisOptions { password })?;
    settings.extend(Settings::from_redis_url(&server.url())?);
    Ok(server)
}

/// The services' names in compose.yaml.
fn names(services: &[Service]) -> Vec<&'static str> {
    services
        .iter()
        .map(|service| match service {
            Service::Postgres => "postgres",
            Service::Redis => "redis",
        })
        .collect()
}

/// The settings that belong to `services`.
fn only(services: &[Service], settings: Settings) -> Settings {
    settings.retain(|name| {
        services.iter().any(|service| match service {
            Service::Postgres => name.starts_with("db_"),
            Service::Redis => name.starts_with("redis_"),
        })
    })
}
