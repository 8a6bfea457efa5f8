//! The developer's commands: `cargo xtask <command>`.

#![allow(
    clippy::disallowed_methods,
    reason = "a native program, which waits for others and ends itself"
)]

mod bench;
mod dev;
mod gates;
mod template;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dev::{admin, setup, up};
use gates::{
    audit, book, chaos, check, ci, codegen, coverage, fuzz, openapi, reproducible, sbom, soak, test,
};
use template::{new_group, rename};
use tools::build;

/// Builds, runs and tests Roster.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Setup(setup::Arguments),
    Up(up::Arguments),
    Test(test::Arguments),
    Check(check::Arguments),
    Coverage(coverage::Arguments),
    Reproducible(reproducible::Arguments),
    Sbom(sbom::Arguments),
    Audit(audit::Arguments),
    Book(book::Arguments),
    Ci(ci::Arguments),
    Build(build::Arguments),
    Admin(roster_admin::Arguments),
    Bench(bench::Arguments),
    Chaos(chaos::Arguments),
    Soak(soak::Arguments),
    Codegen(codegen::Arguments),
    Openapi(openapi::Arguments),
    Fuzz(fuzz::Arguments),
    NewGroup(new_group::Arguments),
    Rename(rename::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(arguments) => setup::run(&arguments),
        Command::Up(arguments) => up::run(arguments).await,
        Command::Test(arguments) => test::run(arguments).await,
        Command::Check(arguments) => check::run(&arguments),
        Command::Coverage(arguments) => coverage::run(arguments).await,
        Command::Reproducible(arguments) => reproducible::run(&arguments),
        Command::Sbom(arguments) => sbom::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Book(arguments) => book::run(&arguments),
        Command::Ci(arguments) => ci::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Admin(arguments) => admin::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Chaos(arguments) => chaos::run(arguments).await,
        Command::Soak(arguments) => soak::run(arguments).await,
        Command::Codegen(arguments) => codegen::run(&arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::NewGroup(arguments) => new_group::run(&arguments),
        Command::Rename(arguments) => rename::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Causes and no backtrace: errors here are about the machine, not the code.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
