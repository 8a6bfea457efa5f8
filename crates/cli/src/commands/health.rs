//! `roster health`.

use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

/// Shows whether the server and what it needs are up. A server that is not ready is unavailable.
pub async fn run(session: &Session, output: &Output) -> Result<(), Failure> {
    let health = session.nobody()?.ready().send().await?.into_inner();
    let checks = health.checks.clone();
    let [postgres, redis] =
        checks.map_or_else(Default::default, |checks| [checks.postgres, checks.redis]);
    let row = [
        health.status.clone(),
        health.version.clone(),
        postgres,
        redis,
    ];
    output.print(&health, ["STATUS", "VERSION", "POSTGRES", "REDIS"], [row])
}
