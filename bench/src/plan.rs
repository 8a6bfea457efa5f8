//! The plan of `cargo xtask bench`, a file of JSON: the targets, and how each is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::report::data::{Role, Skipped};

/// Everything that a run needs.
#[derive(Deserialize)]
pub struct Plan {
    pub commit: String,
    /// Of programs that take part.
    pub versions: BTreeMap<String, String>,
    pub targets: Vec<Planned>,
    pub skipped: Vec<Skipped>,
    /// A script that tells whether a target does what all of them have to do.
    pub contract: Option<PathBuf>,
    /// The folder for the report.
    pub reports: PathBuf,
}

/// A target that can be started, with servers of its own that run already.
#[derive(Clone, Deserialize)]
pub struct Planned {
    pub name: String,
    pub role: Role,
    pub host: String,
    /// Prints `Serving http://...` when it listens, and ends on SIGTERM. `{own}` in a word stands for
    /// a folder that each process has to itself.
    pub command: Vec<String>,
    /// The folder in which those are made.
    pub scratch: PathBuf,
    /// Gets what the processes write to standard error.
    pub log: PathBuf,
    pub folder: PathBuf,
    pub environment: BTreeMap<String, String>,
    /// None: it has no users.
    pub data: Option<Data>,
    /// In bytes.
    pub shipped: BTreeMap<String, u64>,
}

/// Contents of a target's database.
#[derive(Clone, Deserialize)]
pub struct Data {
    pub admin_email: String,
    /// The admin's, and that of all accounts.
    pub password: String,
    /// Users with ids in a row, as `workload::seeded_id` makes them.
    pub users: u64,
    pub accounts: Vec<String>,
    /// `host:port` of the target's Redis, which nobody else uses.
    pub redis_address: String,
    pub redis_password: String,
}
