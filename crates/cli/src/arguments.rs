//! The commands and their options.

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use roster_client::types::Role;
use uuid::Uuid;

/// What `--help` says at its end.
const AFTER_HELP: &str = "\
Exit codes:
  0  success
  1  the server refused, or something went wrong on this machine
  2  wrong usage
  3  not signed in, or wrong credentials
  4  not found
  5  the server cannot be reached, or is not available now; try again later

Tokens are kept in roster/credentials.json in $XDG_CONFIG_HOME or ~/.config, for each URL;
ROSTER_TOKEN, an access token, goes before them.";

/// Users, sessions and the audit trail of a Roster server.
#[derive(Parser)]
#[command(name = "roster", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Where the server is.
    #[arg(
        long,
        global = true,
        env = "ROSTER_URL",
        default_value = "http://127.0.0.1:3000"
    )]
    pub url: String,
    /// How answers are printed.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Format,
    #[command(subcommand)]
    pub command: Command,
}

/// How answers are printed.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: the API's own documents.
    Json,
}

#[derive(Subcommand)]
pub enum Command {
    /// Signs in and keeps the tokens.
    ///
    /// The password comes from ROSTER_PASSWORD, from a prompt, or from a line of standard input.
    Login(Login),
    /// Ends the session and forgets its tokens.
    Logout,
    /// Shows who is signed in.
    Whoami,
    /// Users: everybody's accounts, for admins.
    #[command(subcommand)]
    Users(Users),
    /// One's own sessions.
    #[command(subcommand)]
    Sessions(Sessions),
    /// The audit trail, for admins.
    #[command(subcommand)]
    Audit(Audit),
    /// How the server and what it needs are doing.
    Health,
}

#[derive(Args)]
pub struct Login {
    /// Asked for when it is not given.
    #[arg(long, env = "ROSTER_EMAIL")]
    pub email: Option<String>,
}

#[derive(Subcommand)]
pub enum Users {
    /// Lists users.
    List(ListUsers),
    /// Shows a user.
    Get {
        id: Uuid,
    },
    Create(CreateUser),
    /// Changes a user.
    ///
    /// A new email or role of another admin takes your own password, from ROSTER_PASSWORD or a prompt.
    Update(UpdateUser),
    /// Deletes a user.
    ///
    /// Another admin takes your own password, from ROSTER_PASSWORD or a prompt.
    Delete {
        id: Uuid,
        #[command(flatten)]
        condition: Condition,
    },
    /// Makes a token with which the user can set a new password, once.
    ///
    /// For another admin it takes your own password, from ROSTER_PASSWORD or a prompt.
    ResetToken {
        id: Uuid,
    },
    /// Ends all sessions of a user.
    EndSessions {
        id: Uuid,
    },
}

/// Which part of a list.
#[derive(Args)]
pub struct Page {
    /// How many items a page has.
    #[arg(long)]
    pub limit: Option<i64>,
    /// The page to begin with, as the page before said.
    #[arg(long, allow_hyphen_values = true)]
    pub cursor: Option<String>,
    /// This page and all behind it.
    #[arg(long)]
    pub all: bool,
    /// What to order by; `-` before it descends.
    #[arg(long, allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Counts what is on all pages.
    #[arg(long)]
    pub include_total: bool,
}

/// A time between two others.
#[derive(Args)]
pub struct Period {
    /// Only what is newer, such as 2026-11-24T12:00:00Z.
    #[arg(long)]
    pub created_after: Option<DateTime<Utc>>,
    /// Only what is older.
    #[arg(long)]
    pub created_before: Option<DateTime<Utc>>,
}

#[derive(Args)]
pub struct ListUsers {
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub period: Period,
    /// Only the user with this email.
    #[arg(long)]
    pub email: Option<String>,
    /// Only users with this role.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Only users that may sign in, or that may not.
    #[arg(long)]
    pub is_active: Option<bool>,
    /// Only users whose email or name begins with this.
    #[arg(long)]
    pub q: Option<String>,
}

/// Creates a user.
#[derive(Args)]
pub struct CreateUser {
    /// What the user signs in with.
    #[arg(long)]
    pub email: String,
    /// What the user is called.
    #[arg(long)]
    pub full_name: String,
    /// What the user may do: user or admin.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Whether the user may sign in.
    #[arg(long)]
    pub is_active: Option<bool>,
    /// Gives the user a password: from ROSTER_NEW_PASSWORD, from a prompt, or from a line of standard
    /// input.
    #[arg(long)]
    pub set_password: bool,
    /// Makes it safe to repeat the command.
    #[arg(long)]
    pub idempotency_key: Option<String>,
}

#[derive(Args)]
#[group(id = "changes", required = true, multiple = true, args = ["email", "full_name", "role", "is_active"])]
pub struct UpdateUser {
    pub id: Uuid,
    /// What the user signs in with.
    #[arg(long)]
    pub email: Option<String>,
    /// What the user is called.
    #[arg(long)]
    pub full_name: Option<String>,
    /// What the user may do: user or admin.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Whether the user may sign in.
    #[arg(long)]
    pub is_active: Option<bool>,
    #[command(flatten)]
    pub condition: Condition,
}

#[derive(Args)]
pub struct Condition {
    /// Only when the user has this version, such as 3.
    #[arg(long)]
    pub if_version: Option<u64>,
}

impl Condition {
    /// The entity tag that the condition stands for.
    pub fn etag(&self) -> Option<String> {
        self.if_version.map(|version| format!("\"v{version}\""))
    }
}

#[derive(Subcommand)]
pub enum Sessions {
    /// Lists the sessions.
    List(Page),
    /// Ends a session.
    End { id: Uuid },
}

#[derive(Subcommand)]
pub enum Audit {
    /// Lists what happened.
    List(ListAudit),
}

#[derive(Args)]
pub struct ListAudit {
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub period: Period,
    /// Only what happened by this name, such as login_failed.
    #[arg(long)]
    pub action: Option<String>,
    /// Only what this user did.
    #[arg(long)]
    pub actor_id: Option<Uuid>,
    /// Only what was done to this user.
    #[arg(long)]
    pub target_id: Option<Uuid>,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "user or admin".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_change_changes_something() {
        let id = "019927e1-0b29-7aa0-8f31-2b4c6d8e0f13";
        let parse = |options: &[&str]| {
            let command = ["roster", "users", "update", id];
            Arguments::try_parse_from(command.iter().chain(options)).is_ok()
        };
        assert!(!parse(&[]) && !parse(&["--if-version", "1"]));
        assert!(parse(&["--role", "admin"]) && !parse(&["--role", "king"]));
    }
}
