//! `roster`: the Roster API on the command line.

mod arguments;
mod commands;
mod credentials;
mod failure;
mod output;
mod prompt;
mod session;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;
use output::Output;
use session::Session;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let session = Session::new(&arguments.url);
    let output = Output::new(arguments.output);
    match arguments.command {
        Command::Login(login) => commands::sign_in::login(&session, login).await,
        Command::Logout => commands::sign_in::logout(&session).await,
        Command::Whoami => commands::sign_in::whoami(&session, &output).await,
        Command::MyData => commands::sign_in::my_data(&session).await,
        Command::Users(users) => commands::users::run(&session, &output, users).await,
        Command::Sessions(sessions) => commands::sessions::run(&session, &output, sessions).await,
        Command::ServiceAccounts(accounts) => {
            commands::service_accounts::run(&session, &output, accounts).await
        }
        Command::Audit(audit) => commands::audit::run(&session, &output, audit).await,
        Command::Health => commands::health::run(&session, &output).await,
    }
}
