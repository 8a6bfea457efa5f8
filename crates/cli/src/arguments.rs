//! Commands and their options.

pub mod service_accounts;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use roster_client::types::Role;
use serde_json::{Map, Value};
use uuid::Uuid;

use service_accounts::ServiceAccounts;

/// Text at the end of `--help`.
const AFTER_HELP: &str = "\
Exit codes:
  0  success
  1  request rejected, or local failure
  2  invalid arguments
  3  not signed in, or invalid credentials
  4  not found
  5  server unreachable or temporarily unavailable; try again later

Tokens are stored per URL in roster/credentials.json in $XDG_CONFIG_HOME or ~/.config.
ROSTER_TOKEN, an access token or API key, takes precedence.";

/// Users, sessions and the audit trail of a Roster server.
#[derive(Parser)]
#[command(name = "roster", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// Base URL of the server.
    #[arg(
        long,
        global = true,
        env = "ROSTER_URL",
        default_value = "http://127.0.0.1:3000"
    )]
    pub url: String,
    /// Output format.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Format,
    #[command(subcommand)]
    pub command: Command,
}

/// Output format.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people.
    #[default]
    Table,
    /// The API's own documents, for programs.
    Json,
}

#[derive(Subcommand)]
pub enum Command {
    /// Signs in and stores the tokens.
    ///
    /// The password comes from ROSTER_PASSWORD, from a prompt, or from a line of standard input.
    Login(Login),
    /// Ends the session and removes its tokens.
    Logout,
    /// Shows the signed-in user.
    Whoami,
    /// Prints the data that is stored about the signed-in user, as JSON: the user, live sessions and events.
    MyData,
    /// Manages all accounts, for admins.
    #[command(subcommand)]
    Users(Users),
    /// Manages programs that call the API, and their keys, for admins.
    #[command(subcommand)]
    ServiceAccounts(ServiceAccounts),
    /// Lists and ends your own sessions.
    #[command(subcommand)]
    Sessions(Sessions),
    /// Reads the audit trail, for admins.
    #[command(subcommand)]
    Audit(Audit),
    /// Shows the health of the server and its dependencies.
    Health,
}

#[derive(Args)]
pub struct Login {
    /// Email to sign in with; prompted for if omitted.
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
    Import(ImportUsers),
    Export(ExportUsers),
    /// Changes a user.
    ///
    /// A new email or role for another admin requires your own password, from ROSTER_PASSWORD or a prompt.
    Update(UpdateUser),
    /// Deletes a user.
    ///
    /// Deleting another admin requires your own password, from ROSTER_PASSWORD or a prompt.
    Delete {
        id: Uuid,
        #[command(flatten)]
        condition: Condition,
    },
    /// Creates a single-use token that lets the user set a new password.
    ///
    /// A token for another admin requires your own password, from ROSTER_PASSWORD or a prompt.
    ResetToken {
        id: Uuid,
    },
    /// Ends all sessions of a user.
    EndSessions {
        id: Uuid,
    },
}

/// Options of all lists.
#[derive(Args)]
pub struct Page {
    /// Number of items per page.
    #[arg(long)]
    pub limit: Option<i64>,
    /// Cursor of the first page to fetch, as the previous page printed it.
    #[arg(long, allow_hyphen_values = true)]
    pub cursor: Option<String>,
    /// Fetches this page and all following pages.
    #[arg(long)]
    pub all: bool,
    /// Field to sort by; prefix it with `-` for descending order.
    #[arg(long, allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Counts the items of all pages.
    #[arg(long)]
    pub include_total: bool,
}

/// Range of creation times.
#[derive(Args)]
pub struct Period {
    /// Only items created after this time, such as 2026-11-24T12:00:00Z.
    #[arg(long)]
    pub created_after: Option<DateTime<Utc>>,
    /// Only items created before this time.
    #[arg(long)]
    pub created_before: Option<DateTime<Utc>>,
}

#[derive(Args)]
pub struct ListUsers {
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub period: Period,
    /// Only the user with this email address.
    #[arg(long)]
    pub email: Option<String>,
    /// Only the user with this id in the system that they were imported from.
    #[arg(long)]
    pub external_id: Option<String>,
    /// Only users with this role.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Only users that may sign in (true), or that may not (false).
    #[arg(long)]
    pub is_active: Option<bool>,
    /// Only users whose email or name begins with this text.
    #[arg(long)]
    pub q: Option<String>,
    /// Only users with this value of an attribute, such as department=Sales; several have to match all.
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    pub attribute: Vec<(String, String)>,
}

/// Creates a user.
#[derive(Args)]
pub struct CreateUser {
    /// Email address that the user signs in with.
    #[arg(long)]
    pub email: String,
    /// Full name of the user.
    #[arg(long)]
    pub full_name: String,
    /// Role of the user: user or admin.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Allows the user to sign in (true) or not (false).
    #[arg(long)]
    pub is_active: Option<bool>,
    /// Attributes as a JSON object, such as '{"department":"Sales"}'.
    #[arg(long, value_parser = json_object)]
    pub attributes: Option<Map<String, Value>>,
    /// Sets a password, from ROSTER_NEW_PASSWORD, from a prompt, or from a line of standard input.
    #[arg(long)]
    pub set_password: bool,
    /// Unique key that makes it safe to repeat the command.
    #[arg(long)]
    pub idempotency_key: Option<String>,
}

/// Imports users of another system from a file with one JSON object per line.
///
/// Members: email, full_name; optional id, role, is_active, external_id, created_at, password_hash. Existing users remain
/// unchanged. An interrupted import continues where it stopped when the command is repeated; until it is complete,
/// FILE.progress has its position. FILE.rejected.ndjson lists the lines that were rejected, with the reasons; if there
/// are any, the exit code is 1.
#[derive(Args)]
pub struct ImportUsers {
    /// File with one JSON object per line.
    pub file: PathBuf,
    /// Shows a progress bar if standard error is a terminal.
    #[arg(long)]
    pub progress: bool,
}

/// Exports all users to a file with one JSON object per line, as users import reads it.
///
/// The file must not exist; it is complete, or it is not created. Only its owner can read it. Users who are changed or
/// created during the export may have either state.
#[derive(Args)]
pub struct ExportUsers {
    /// File to create.
    pub file: PathBuf,
    /// Includes the password hashes, if the server allows it (password_hash_export_enabled). The server records it in
    /// the audit trail.
    #[arg(long)]
    pub password_hashes: bool,
    /// Shows a progress bar if standard error is a terminal.
    #[arg(long)]
    pub progress: bool,
}

#[derive(Args)]
#[group(id = "changes", required = true, multiple = true, args = ["email", "full_name", "role", "is_active", "attributes"])]
pub struct UpdateUser {
    pub id: Uuid,
    /// Email address that the user signs in with.
    #[arg(long)]
    pub email: Option<String>,
    /// Full name of the user.
    #[arg(long)]
    pub full_name: Option<String>,
    /// Role of the user: user or admin.
    #[arg(long, value_parser = role)]
    pub role: Option<Role>,
    /// Allows the user to sign in (true) or not (false).
    #[arg(long)]
    pub is_active: Option<bool>,
    /// Changed attributes as a JSON object; null removes one.
    #[arg(long, value_parser = json_object)]
    pub attributes: Option<Map<String, Value>>,
    #[command(flatten)]
    pub condition: Condition,
}

#[derive(Args)]
pub struct Condition {
    /// Fails unless the user has this version, such as 3.
    #[arg(long)]
    pub if_version: Option<u64>,
}

impl Condition {
    /// Returns the entity tag of the required version.
    pub fn etag(&self) -> Option<String> {
        self.if_version.map(|version| format!("\"v{version}\""))
    }
}

#[derive(Subcommand)]
pub enum Sessions {
    /// Lists your sessions.
    List(Page),
    /// Ends one of your sessions.
    End { id: Uuid },
}

#[derive(Subcommand)]
pub enum Audit {
    /// Lists events.
    List(ListAudit),
    /// Prints events as they happen, one JSON object per line, until interrupted.
    Follow(FollowAudit),
}

#[derive(Args)]
pub struct FollowAudit {
    /// Position of the last event that was received; the present end if omitted.
    #[arg(long)]
    pub after: Option<i64>,
    /// Only events with these actions, separated by commas.
    #[arg(long)]
    pub action: Option<String>,
    /// Adds the present state of the users that the events are about.
    #[arg(long)]
    pub include_user: bool,
}

#[derive(Args)]
pub struct ListAudit {
    #[command(flatten)]
    pub page: Page,
    #[command(flatten)]
    pub period: Period,
    /// Only events with this action, such as login_failed.
    #[arg(long)]
    pub action: Option<String>,
    /// Only actions of this user.
    #[arg(long)]
    pub actor_id: Option<Uuid>,
    /// Only actions on this user.
    #[arg(long)]
    pub target_id: Option<Uuid>,
}

fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|_| "must be a JSON object".to_owned())
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| "must be user or admin".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_argument_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_update_requires_a_changed_field() {
        let id = "019927e1-0b29-7aa0-8f31-2b4c6d8e0f13";
        let parse = |options: &[&str]| {
            let command = ["roster", "users", "update", id];
            Arguments::try_parse_from(command.iter().chain(options)).is_ok()
        };
        assert!(!parse(&[]) && !parse(&["--if-version", "1"]));
        assert!(parse(&["--role", "admin"]) && !parse(&["--role", "king"]));
    }
}
