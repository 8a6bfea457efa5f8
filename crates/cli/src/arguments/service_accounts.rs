//! Arguments of `roster service-accounts`.

use clap::{Args, Subcommand};
use roster_client::types::Scope;
use uuid::Uuid;

use super::{Condition, Page};

#[derive(Subcommand)]
pub enum ServiceAccounts {
    /// Lists service accounts.
    List {
        #[command(flatten)]
        page: Page,
    },
    /// Shows a service account and its keys, without the keys themselves.
    Get {
        id: Uuid,
    },
    /// Creates a service account, without a key.
    Create {
        /// Name: lower-case letters, digits and hyphens.
        #[arg(long)]
        name: String,
        /// Scope; can be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope)]
        scopes: Vec<Scope>,
    },
    Update(UpdateServiceAccount),
    /// Deletes a service account and its keys.
    Delete {
        id: Uuid,
        #[command(flatten)]
        condition: Condition,
    },
    /// Creates a key and prints it, once.
    CreateKey {
        id: Uuid,
        /// Days until the key expires, up to 730.
        #[arg(long, value_name = "N", default_value_t = 90)]
        expires_in_days: i64,
    },
    /// Deletes a key.
    DeleteKey {
        id: Uuid,
        key_id: Uuid,
    },
}

/// Changes a service account.
#[derive(Args)]
#[group(id = "account_changes", required = true, multiple = true, args = ["name", "scopes", "is_active"])]
pub struct UpdateServiceAccount {
    pub id: Uuid,
    /// Name: lower-case letters, digits and hyphens.
    #[arg(long)]
    pub name: Option<String>,
    /// Scope; can be given several times. The account loses all others.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    pub scopes: Vec<Scope>,
    /// Accepts the keys of the account (true) or not (false).
    #[arg(long)]
    pub is_active: Option<bool>,
    #[command(flatten)]
    pub condition: Condition,
}

fn scope(text: &str) -> Result<Scope, String> {
    text.parse()
        .map_err(|_| "must be audit:read, import, sessions:revoke, tokens:introspect, users:read or users:write".to_owned())
}
