//! Postgres and Redis from compose.yaml, for machines with Docker but without the programs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use devservices::{free_port, persistent_secret};

use crate::dev::settings::Settings;
use crate::tools::cargo::check;
use crate::tools::workspace::{root, step};

/// Returns true if `docker compose` is installed and its engine responds.
pub fn works() -> bool {
    let succeeds = |arguments: &[&str]| {
        Command::new("docker")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    succeeds(&["compose", "version"]) && succeeds(&["info"])
}

/// Started containers. Dropping it stops them; their volumes stay.
pub struct Compose {
    environment: [(&'static str, String); 3],
}

impl Compose {
    /// Starts `services` on free loopback ports and waits until they are healthy.
    pub fn start(services: &[&str], state: &Path) -> Result<Self> {
        step("starting Postgres and Redis with docker compose");
        let compose = Self {
            environment: [
                (
                    "POSTGRES_PASSWORD",
                    persistent_secret(&state.join("compose-password"))?,
                ),
                ("POSTGRES_PORT", free_port()?.to_string()),
                ("REDIS_PORT", free_port()?.to_string()),
            ],
        };
        check(
            compose
                .command()
                .args(["up", "-d", "--wait"])
                .args(services),
        )?;
        Ok(compose)
    }

    /// Addresses of the containers, as variables of the app.
    pub fn settings(&self) -> Result<Settings> {
        let [(_, password), (_, postgres), (_, redis)] = &self.environment;
        let database = format!("postgres://roster:{password}@127.0.0.1:{postgres}/roster");
        let mut settings = Settings::from_database_url(&database)?;
        // The image has no other role; Redis requires the same password.
        let cache = format!("redis://:{password}@127.0.0.1:{redis}");
        settings.extend(Settings::from_redis_url(&cache)?);
        Ok(settings)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command
            // Separate from a run of the whole file, whose data has another password.
            .args(["compose", "--project-name", "roster"])
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        // An error cannot be handled here; docker prints it.
        let _ = self.command().arg("stop").status();
    }
}
