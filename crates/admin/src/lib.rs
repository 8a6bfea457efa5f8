//! `roster-admin`: manages a Roster database without a login: migrations, users, retention.
//!
//! It needs Postgres alone and leaves Redis as it is. It therefore changes no user whom instances may have in
//! their cache: such changes are requests to the API.

mod database;
mod first_admin;
pub mod migrate;
mod operator;
mod password;
mod sweep;
mod users;

use anyhow::Result;

pub use database::connect;
pub use first_admin::{Admin, FirstAdmin};
pub use operator::Operator;
pub use password::random_password;

/// Text at the end of `--help`.
const AFTER_HELP: &str = "\
Exit codes:
  0  success
  1  failure; `migrate --check`: a migration is not applied
  2  invalid arguments

The role in the URL owns the schema, as roster_owner does. With sslmode=require the server's certificate
is verified; SSL_CERT_FILE names the roots of a private authority.";

/// Migrations, users and retention of a Roster database.
#[derive(clap::Parser)]
#[command(name = "roster-admin", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Database, postgres://user:password@host:port/database; default: DATABASE_URL. Other users of the
    /// machine can read arguments, but not variables.
    #[arg(
        long,
        global = true,
        env = "ROSTER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Migrate(migrate::Arguments),
    /// Creates and lists users, and issues tokens with which users set a password.
    #[command(subcommand)]
    Users(users::Command),
    Sweep(sweep::Arguments),
}

impl Arguments {
    /// Runs the command. Without `--database-url` and its variable the database is that of
    /// `default_database`. `api` is the default of `--url`, `http://127.0.0.1:3000` if it is `None`.
    ///
    /// # Errors
    /// The reason of the failure, as a sentence for the command line.
    pub async fn run(
        self,
        default_database: impl FnOnce() -> Result<String>,
        api: Option<String>,
    ) -> Result<()> {
        let url = match self.database_url.filter(|url| !url.is_empty()) {
            Some(url) => url,
            None => default_database()?,
        };
        match self.command {
            Command::Migrate(arguments) => migrate::run(&url, &arguments).await,
            Command::Users(command) => users::run(&url, command, api).await,
            Command::Sweep(arguments) => sweep::run(&url, &arguments).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_argument_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }
}
