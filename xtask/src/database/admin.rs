//! `cargo xtask admin`: manages accounts directly in the database, without a login.

use std::io::{BufRead, stdin};

use accounts::NewUser;
use anyhow::{Context, Result, bail};
use devservices::random_password;
use migrations::State;
use time::macros::format_description;

use crate::database;
use crate::database::operator::{Operator, explain};
use crate::dev::running_app::Running;
use crate::tools::workspace::state_dir;

/// Creates and lists admins, and issues tokens with which users set a password.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Create(Create),
    List(List),
    ResetPassword(ResetPassword),
}

/// Creates an active admin, and prints the password unless it was given.
#[derive(clap::Args)]
struct Create {
    /// The email to log in with.
    #[arg(long)]
    email: String,
    /// The full name.
    #[arg(long, default_value = "Administrator")]
    full_name: String,
    /// Reads the password from the first line of standard input instead of generating one.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    database: Database,
}

/// Lists every admin, oldest first.
#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    database: Database,
}

/// Prints a token that lets a user, admin or not, set a password within one hour. The old password and
/// all sessions stay valid until it is used.
#[derive(clap::Args)]
struct ResetPassword {
    /// The user's email.
    email: String,
    #[command(flatten)]
    database: Database,
}

#[derive(clap::Args)]
struct Database {
    /// Database, postgres://user:password@host:port/database; default: DATABASE_URL or
    /// SPIN_VARIABLE_DB_* of the environment or .env, else the database of a running `cargo xtask up`.
    #[arg(long = "database-url", value_name = "URL")]
    url: Option<String>,
}

impl Database {
    async fn open(self) -> Result<Operator> {
        let url = database::url(self.url)?;
        let migrations = migrations::status(&url).await?;
        if migrations.iter().any(|entry| entry.state == State::Pending) {
            bail!("the database has pending migrations: run `cargo xtask migrate` first");
        }
        Operator::connect(&url).await
    }
}

/// Runs the command.
pub async fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Create(arguments) => create(arguments).await,
        Command::List(arguments) => list(arguments).await,
        Command::ResetPassword(arguments) => reset_password(arguments).await,
    }
}

async fn create(arguments: Create) -> Result<()> {
    let (password, generated) = if arguments.password_stdin {
        let mut line = String::new();
        let read = stdin().lock().read_line(&mut line);
        read.context("cannot read the password from standard input")?;
        (line.trim_end_matches(['\r', '\n']).to_owned(), false)
    } else {
        (random_password()?, true)
    };
    let (email, name) = (&arguments.email, &arguments.full_name);
    let new = NewUser::parse(email, name, Some(password.clone()), Some("admin"), None);
    let new = new.map_err(explain)?;
    let operator = arguments.database.open().await?;
    let admin = operator.create_user(new).await.map_err(explain)?;
    println!(
        "Created admin {} with id {}.",
        admin.email.as_str(),
        admin.id
    );
    if generated {
        println!("Password, not shown again:\n  {password}");
    }
    Ok(())
}

async fn list(arguments: List) -> Result<()> {
    let operator = arguments.database.open().await?;
    let admins = operator.admins().await.map_err(explain)?;
    let emails = admins.iter().map(|admin| admin.email.as_str().len());
    let width = emails.max().unwrap_or_default().max("email".len());
    let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    println!(
        "{:<36}  {:<width$}  {:<6}  created",
        "id", "email", "active"
    );
    for admin in &admins {
        println!(
            "{:<36}  {:<width$}  {:<6}  {}",
            admin.id.to_string(),
            admin.email.as_str(),
            if admin.is_active { "yes" } else { "no" },
            admin.created_at.format(seconds)?,
        );
    }
    Ok(())
}

async fn reset_password(arguments: ResetPassword) -> Result<()> {
    let operator = arguments.database.open().await?;
    let user = operator.find(&arguments.email).await.map_err(explain)?;
    let reset = operator.create_reset_token(&user).await.map_err(explain)?;
    let app = Running::find(&state_dir()).map_or_else(
        || "http://127.0.0.1:3000".to_owned(),
        |running| running.app_url,
    );
    let expires = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    println!(
        "Single-use token for {}, valid until {} and not shown again:\n  TOKEN={}\n\
         Set the password, which ends every session of the user:\n  \
         curl -i {app}/api/v1/auth/reset -H 'Content-Type: application/json' \
         -d '{{\"token\":\"'\"$TOKEN\"'\",\"new_password\":\"<new password>\"}}'",
        user.email.as_str(),
        reset.expires_at.format(expires)?,
        reset.token.reveal(),
    );
    if !user.is_active {
        println!("The user is deactivated and cannot log in until an admin activates the account.");
    }
    Ok(())
}
