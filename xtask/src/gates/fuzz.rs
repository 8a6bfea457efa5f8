//! `cargo xtask fuzz`: runs schemathesis at length.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::dev::host::devhost_path;
use crate::tools::build;
use crate::tools::cargo::{cargo, check};
use crate::tools::schemathesis;
use crate::tools::workspace::step;

/// Sends the app, as an admin and as a user, many requests generated from its document, and checks
/// every response. `cargo xtask test` does the same with fewer and fixed requests.
#[derive(clap::Args)]
pub struct Arguments {
    /// Maximum cases per operation and phase.
    #[arg(long, default_value_t = 1000)]
    max_examples: u32,
    /// Seed of a run to repeat; default: a new one, which is printed.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the command; a failure of either run is an error.
pub fn run(arguments: &Arguments) -> Result<()> {
    build::components()?;
    let program = schemathesis::provide()?;
    build::tests_and_host()?;
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    step(&format!("running schemathesis with the seed {seed}"));
    let mut command = cargo();
    command
        .args(["test", "--workspace", "--test", "attacks", "--"])
        .args(["schemathesis::", "--nocapture", "--test-threads=1"])
        .env("ROSTER_DEVHOST", devhost_path())
        .env("ROSTER_SCHEMATHESIS", program)
        .env(
            "ROSTER_SCHEMATHESIS_EXAMPLES",
            arguments.max_examples.to_string(),
        )
        .env("ROSTER_SCHEMATHESIS_SEED", seed.to_string());
    check(&mut command)
}
