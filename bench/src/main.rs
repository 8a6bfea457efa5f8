//! `bench`: loads a running app and prints what it answered, how fast. It starts nothing itself;
//! `cargo xtask bench` does.

mod client;
mod load;
mod report;
mod scenarios;
mod setup;
mod statistics;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use client::Target;
use setup::Setup;

/// Loads the app at URL in one way, or in every way.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// What to do; without it everything, one after the other.
    #[arg(value_enum)]
    scenario: Option<Scenario>,
    /// How long each measurement takes, after a second that is not counted.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// The app, without TLS.
    #[arg(long, env = "ROSTER_URL", value_name = "U")]
    url: String,
    /// An admin of the app, who makes the users that are needed.
    #[arg(long, env = "ROSTER_ADMIN_EMAIL", value_name = "E")]
    email: String,
    /// The admin's password.
    #[arg(
        long,
        env = "ROSTER_ADMIN_PASSWORD",
        value_name = "P",
        hide_env_values = true
    )]
    password: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// 32 connections get one user.
    Read,
    /// 32 connections get the first page of the users.
    List,
    /// 8 connections get one user, alone and while 32 others log in.
    ReadsUnderLogins,
    /// 500 pairs of logins, one with an unknown email and one with a wrong password.
    SignInTiming,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let target = Target::parse(&cli.url)?;
    let setup = Setup::prepare(&target, &cli.email, &cli.password).await?;
    let time = Duration::from_secs(cli.seconds);
    let scenarios = match &cli.scenario {
        Some(scenario) => std::slice::from_ref(scenario),
        None => Scenario::value_variants(),
    };
    for scenario in scenarios {
        match scenario {
            Scenario::Read => scenarios::read(&target, &setup, time).await,
            Scenario::List => scenarios::list(&target, &setup, time).await,
            Scenario::ReadsUnderLogins => {
                scenarios::reads_under_logins(&target, &setup, time).await?;
            }
            Scenario::SignInTiming => scenarios::sign_in_timing(&target, &setup).await?,
        }
    }
    Ok(())
}
