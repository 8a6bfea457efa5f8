//! The developer's commands: `cargo xtask <command>`.

mod build;
mod cargo;
mod compose;
mod host;
mod migrate;
mod servers;
mod settings;
mod test;
mod up;
mod workspace;

use clap::{Parser, Subcommand};

/// Builds, runs and tests Roster.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::Arguments),
    Test(test::Arguments),
    Build(build::Arguments),
    Migrate(migrate::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Test(arguments) => test::run(arguments).await,
        Command::Build(arguments) => build::run(&arguments),
        Command::Migrate(arguments) => migrate::run(arguments).await,
    }
}
