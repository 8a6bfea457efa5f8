//! Which Postgres and Redis the app gets.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use devservices::{
    Postgres, PostgresOptions, Program, Redis, RedisOptions, app_database, data_folder, install,
    missing, persistent_secret,
};
use tempfile::TempDir;

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
        for (program, key) in [
            (Program::Postgres, "db_host"),
            (Program::Redis, "redis_host"),
        ] {
            match settings.get(key) {
                Some(host) => step(&format!("using {program} at {host}")),
                None => wanted.push(program),
            }
        }
        let lacking = missing(&wanted);
        let mut servers = Self::default();
        if !lacking.is_empty() {
            if compose::works() {
                let compose = Compose::start(&names(&lacking), state)?;
                settings.extend(only(&lacking, compose.settings()?));
                servers._compose = Some(compose);
                wanted.retain(|program| !lacking.contains(program));
            } else {
                install_missing(&lacking)?;
            }
        }
        let data = data_folder(state)?;
        if wanted.contains(&Program::Postgres) {
            servers._postgres = Some(postgres(settings, &data, true).await?);
        }
        if wanted.contains(&Program::Redis) {
            servers._redis = Some(redis(settings, &data)?);
        }
        Ok(servers)
    }

    /// Throwaway servers for tests, with their files in `dir`; installs what is missing.
    pub async fn throwaway(settings: &mut Settings, dir: &Path) -> Result<Self> {
        install_missing(&[Program::Postgres, Program::Redis])?;
        Ok(Self {
            _postgres: Some(postgres(settings, dir, false).await?),
            _redis: Some(redis(settings, dir)?),
            _compose: None,
        })
    }
}

/// A temporary folder for throwaway servers: open to others, because their account is not root's.
pub fn throwaway_folder() -> Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("roster-servers-");
    Ok(folder
        .permissions(Permissions::from_mode(0o755))
        .tempdir()?)
}

/// Installs those of `wanted` that are not on this machine.
pub fn install_missing(wanted: &[Program]) -> Result<()> {
    let lacking = missing(wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(ToString::to_string).collect();
    step(&format!("installing {}", names.join(" and ")));
    install(&lacking)
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

/// The services of compose.yaml: what the app needs.
fn names(programs: &[Program]) -> Vec<&'static str> {
    programs
        .iter()
        .filter_map(|program| match program {
            Program::Postgres => Some("postgres"),
            Program::Redis => Some("redis"),
            _ => None,
        })
        .collect()
}

/// The settings that belong to `programs`.
fn only(programs: &[Program], settings: Settings) -> Settings {
    settings.retain(|name| {
        programs.iter().any(|program| match program {
            Program::Postgres => name.starts_with("db_"),
            Program::Redis => name.starts_with("redis_"),
            _ => false,
        })
    })
}
