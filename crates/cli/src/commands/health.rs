//! `roster health`.

use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

/// Shows the health of the server and its dependencies; fails if the server is not ready.
pub async fn run(session: &Session, output: &Output) -> Result<(), Failure> {
    let client = session.without_credentials()?;
    let health = client.health().send().await?.into_inner();
    let checks = health.checks.clone();
    let [postgres, redis] =
        checks.map_or_else(Default::default, |checks| [checks.postgres, checks.redis]);
    let row = [
        health.status.clone(),
        health.version.clone(),
        postgres,
        redis,
    ];
    output.print(&health, ["STATUS", "VERSION", "POSTGRES", "REDIS"], [row])?;
    client.ready().send().await?;
    Ok(())
}
