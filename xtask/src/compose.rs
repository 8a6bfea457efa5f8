//! Postgres and Redis from compose.yaml, for machines that have Docker and not the programs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use devservices::{free_port, persistent_secret};

use crate::cargo::check;
use crate::settings::Settings;
use crate::workspace::{root, step};

/// Whether `docker compose` is there and its engine answers.
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

/// Containers that were started. Dropping it stops them; their volumes stay.
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

    /// Where the containers are, as variables of the app.
    pub fn settings(&self) -> Result<Settings> {
        let [(_, password), (_, postgres), (_, redis)] = &self.environment;
        let database = format!("postgres://roster:{password}@127.0.0.1:{postgres}/roster");
        let mut settings = Settings::from_database_url(&database)?;
        // The image knows no role but this one; Redis asks for the same password.
        let cache = format!("redis://:{password}@127.0.0.1:{redis}");
        settings.extend(Settings::from_redis_url(&cache)?);
        Ok(settings)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command
            // Apart from who runs the whole file: the password of the data is another.
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
        // Nothing is left to do about an error here; docker prints it.
        let _ = self.command().arg("stop").status();
    }
}
