//! `roster-admin users`: manages users directly in the database, without a login.

use std::io::{BufWriter, Write, stdout};

use accounts::{NewUser, Role, User};
use anyhow::{Result, bail};
use migrations::State;
use time::macros::format_description;

use crate::operator::{Operator, explain};
use crate::password::{self, random_password};

/// Default address of an app that Spin or `cargo xtask up` serves.
const API: &str = "http://127.0.0.1:3000";

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    Create(Create),
    List(List),
    ResetPassword(ResetPassword),
}

/// Creates an active user, and prints the password unless it was given.
#[derive(clap::Args)]
pub(crate) struct Create {
    /// The email to log in with.
    #[arg(long)]
    email: String,
    /// The role: user or admin.
    #[arg(long, value_parser = Role::parse)]
    role: Role,
    /// The full name; default for an admin: Administrator.
    #[arg(long, required_if_eq("role", "user"))]
    full_name: Option<String>,
    /// Reads the password from the first line of standard input, with a hidden prompt if that is a terminal,
    /// instead of generating one.
    #[arg(long)]
    password_stdin: bool,
}

/// Lists users, oldest first.
#[derive(clap::Args)]
pub(crate) struct List {
    /// Only users with this role: user or admin.
    #[arg(long, value_parser = Role::parse)]
    role: Option<Role>,
}

/// Prints a token that lets a user set a password within one hour. The old password and all sessions stay
/// valid until it is used.
#[derive(clap::Args)]
pub(crate) struct ResetPassword {
    /// The user's email.
    email: String,
    /// Base URL of the API, for the printed call.
    #[arg(long, env = "ROSTER_URL")]
    url: Option<String>,
}

pub(crate) async fn run(database: &str, command: Command, api: Option<String>) -> Result<()> {
    match command {
        Command::Create(arguments) => create(database, arguments).await,
        Command::List(arguments) => list(database, &arguments).await,
        Command::ResetPassword(arguments) => reset_password(database, arguments, api).await,
    }
}

/// Connects to a database that has every migration.
async fn open(database: &str) -> Result<Operator> {
    let migrations = crate::migrate::status(database).await?;
    if migrations.iter().any(|entry| entry.state == State::Pending) {
        bail!("the database has pending migrations: run `roster-admin migrate` first");
    }
    Operator::connect(database).await
}

async fn create(database: &str, arguments: Create) -> Result<()> {
    let (password, generated) = match arguments.password_stdin {
        true => (password::read()?, false),
        false => (random_password()?, true),
    };
    let new = NewUser::parse(
        &arguments.email,
        arguments.full_name.as_deref().unwrap_or("Administrator"),
        Some(password.clone()),
        Some(arguments.role.as_str()),
        None,
    );
    let new = new.map_err(explain)?;
    let operator = open(database).await?;
    let user = operator.create_user(new).await.map_err(explain)?;
    let mut out = stdout().lock();
    let (role, email) = (user.role.as_str(), user.email.as_str());
    writeln!(out, "Created {role} {email} with id {}.", user.id)?;
    if generated {
        writeln!(out, "Password, not shown again:\n  {password}")?;
    }
    Ok(())
}

async fn list(database: &str, arguments: &List) -> Result<()> {
    let operator = open(database).await?;
    let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let mut out = BufWriter::new(stdout());
    let mut print = |[id, role, active, created, email]: [&str; 5]| {
        writeln!(
            out,
            "{id:<36}  {role:<5}  {active:<6}  {created:<20}  {email}"
        )
    };
    print(["id", "role", "active", "created", "email"])?;
    let print_user = |user: User| -> Result<()> {
        Ok(print([
            &user.id.to_string(),
            user.role.as_str(),
            if user.is_active { "yes" } else { "no" },
            &user.created_at.format(seconds)?,
            user.email.as_str(),
        ])?)
    };
    operator.visit_users(arguments.role, print_user).await?;
    Ok(out.flush()?)
}

async fn reset_password(
    database: &str,
    arguments: ResetPassword,
    api: Option<String>,
) -> Result<()> {
    let operator = open(database).await?;
    let user = operator.find(&arguments.email).await.map_err(explain)?;
    let reset = operator.create_reset_token(&user).await.map_err(explain)?;
    let api = arguments.url.or(api).unwrap_or_else(|| API.to_owned());
    let expires = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let mut out = stdout().lock();
    writeln!(
        out,
        "Single-use token for {}, valid until {} and not shown again:\n  TOKEN={}\n\
         Set the password, which ends every session of the user:\n  \
         curl -i {api}/api/v1/auth/reset -H 'Content-Type: application/json' \
         -d '{{\"token\":\"'\"$TOKEN\"'\",\"new_password\":\"<new password>\"}}'",
        user.email.as_str(),
        reset.expires_at.format(expires)?,
        reset.token.reveal(),
    )?;
    if !user.is_active {
        writeln!(
            out,
            "The user is deactivated and cannot log in until an admin activates the account."
        )?;
    }
    Ok(())
}
