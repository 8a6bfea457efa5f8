//! Postgres and Redis for the app.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use devservices::{
    Postgres, PostgresOptions, Program, Redis, RedisOptions, app_database, data_folder, install,
    missing, persistent_secret,
};
use tempfile::TempDir;

use crate::dev::compose::{self, Compose};
use crate::dev::settings::Settings;
use crate::tools::workspace::step;

/// Servers that were started for the app. Dropping it stops Redis, then Postgres.
#[derive(Default)]
pub struct Servers {
    _redis: Option<Redis>,
    _postgres: Option<Postgres>,
    _compose: Option<Compose>,
    /// URL of the owner of the app's database, if it was created here.
    owner_url: Option<String>,
}

impl Servers {
    /// Completes `settings` with the servers that they do not name: private ones with data under
    /// `state` if the programs are installed, else containers, else private ones after an install. The
    /// last error lists what to install.
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
            servers.start_postgres(settings, &data, true).await?;
        }
        if wanted.contains(&Program::Redis) {
            servers._redis = Some(redis(settings, &data)?);
        }
        Ok(servers)
    }

    /// Starts throwaway servers for tests, with their files in `dir`; installs missing programs.
    pub async fn throwaway(settings: &mut Settings, dir: &Path) -> Result<Self> {
        install_missing(&[Program::Postgres, Program::Redis])?;
        let mut servers = Self::default();
        servers.start_postgres(settings, dir, false).await?;
        servers._redis = Some(redis(settings, dir)?);
        Ok(servers)
    }

    /// Returns the URL of the role that migrates; for an external database, the one in `settings`.
    pub fn owner_url(&self, settings: &Settings) -> Result<String> {
        match &self.owner_url {
            Some(url) => Ok(url.clone()),
            None => settings.database_url()?.context("db_host is not set"),
        }
    }

    async fn start_postgres(
        &mut self,
        settings: &mut Settings,
        dir: &Path,
        durable: bool,
    ) -> Result<()> {
        step("starting Postgres");
        let server = Postgres::start(&dir.join("postgres"), PostgresOptions { durable })?;
        let database = app_database(&server.url("postgres")).await?;
        settings.extend(Settings::from_database_url(&database.app_url)?);
        self.owner_url = Some(database.owner_url);
        self._postgres = Some(server);
        Ok(())
    }
}

/// Creates a folder for throwaway servers, open to other accounts because root's servers run as
/// another.
pub fn throwaway_folder() -> Result<TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("roster-servers-");
    Ok(folder
        .permissions(Permissions::from_mode(0o755))
        .tempdir()?)
}

/// Installs the programs in `wanted` that this machine lacks.
pub fn install_missing(wanted: &[Program]) -> Result<()> {
    let lacking = missing(wanted);
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(ToString::to_string).collect();
    step(&format!("installing {}", names.join(" and ")));
    install(&lacking)
}

fn redis(settings: &mut Settings, dir: &Path) -> Result<Redis> {
    step("starting Redis");
    std::fs::create_dir_all(dir)?;
    let password = Some(persistent_secret(&dir.join("redis-password"))?);
    let server = Redis::start(&dir.join("redis"), RedisOptions { password })?;
    settings.extend(Settings::from_redis_url(&server.url())?);
    Ok(server)
}

/// Services of compose.yaml for `programs`.
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

/// Returns the settings that belong to `programs`.
fn only(programs: &[Program], settings: Settings) -> Settings {
    settings.retain(|name| {
        programs.iter().any(|program| match program {
            Program::Postgres => name.starts_with("db_"),
            Program::Redis => name.starts_with("redis_"),
            _ => false,
        })
    })
}
