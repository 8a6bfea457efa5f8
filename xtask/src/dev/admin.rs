//! `cargo xtask admin`: `roster-admin` on the developer's database.

use anyhow::{Context, Result};
use roster_admin::Arguments;

use crate::dev::running_app::Running;
use crate::dev::settings::Settings;
use crate::tools::workspace::{root, state_dir};

/// Runs the command. Without `--database-url` the database is that of the environment or .env, else that of
/// the app that `cargo xtask up` runs.
pub async fn run(arguments: Arguments) -> Result<()> {
    let running = Running::find(&state_dir());
    let api = running.as_ref().map(|running| running.app_url.clone());
    let database = || {
        if let Some(url) = Settings::load(&root().join(".env"))?.database_url()? {
            return Ok(url);
        }
        running.map(|running| running.database_url).context(
            "no database is configured: pass --database-url, set DATABASE_URL or \
             SPIN_VARIABLE_DB_HOST, or start `cargo xtask up`",
        )
    };
    arguments.run(database, api).await
}
