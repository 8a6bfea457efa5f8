//! Plan of `cargo xtask bench`, a JSON file: the targets, and how each is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::report::data::{Role, Skipped};

/// Everything that a run needs.
#[derive(Deserialize)]
pub struct Plan {
    pub commit: String,
    /// Versions of the programs that take part.
    pub versions: BTreeMap<String, String>,
    pub targets: Vec<Planned>,
    pub skipped: Vec<Skipped>,
    /// A script that checks whether a target meets the contract of all targets.
    pub contract: Option<PathBuf>,
    /// Folder for the report.
    pub reports: PathBuf,
}

/// A target that can be started, with its own servers, which run already.
#[derive(Clone, Deserialize)]
pub struct Planned {
    pub name: String,
    pub role: Role,
    pub host: String,
    /// Prints `Serving http://...` when it listens, and ends on SIGTERM. `{own}` in a word stands for a
    /// folder of each process alone.
    pub command: Vec<String>,
    /// Folder in which those are created.
    pub scratch: PathBuf,
    /// Gets the standard error of the processes.
    pub log: PathBuf,
    pub folder: PathBuf,
    pub environment: BTreeMap<String, String>,
    /// `None` when it has no users.
    pub data: Option<Data>,
    /// Sizes in bytes.
    pub shipped: BTreeMap<String, u64>,
}

/// Contents of a target's database.
#[derive(Clone, Deserialize)]
pub struct Data {
    pub admin_email: String,
    /// Password of the admin and of all accounts.
    pub password: String,
    /// Number of users with consecutive ids, as `workload::seeded_id` makes them.
    pub users: u64,
    pub accounts: Vec<String>,
    /// `host:port` of the target's Redis, which no other target uses.
    pub redis_address: String,
    pub redis_password: String,
}
