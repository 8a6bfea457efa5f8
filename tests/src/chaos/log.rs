//! Log of the clients: intent and outcome of each operation, on disk before the next step.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Operation of a client.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    Create,
    Replay,
    Patch,
    Delete,
    Password,
    Login,
    Revoke,
    Refresh,
}

impl Operation {
    /// All operations, in report order.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Replay,
        Self::Patch,
        Self::Delete,
        Self::Password,
        Self::Login,
        Self::Revoke,
        Self::Refresh,
    ];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Replay => "idempotent replay",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Password => "password change",
            Self::Login => "login",
            Self::Revoke => "revocation",
            Self::Refresh => "refresh",
        }
    }
}

/// Outcome of an operation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Acknowledged.
    Ok,
    /// Rejected, or never sent: it must not have happened.
    Failed,
    /// It may or may not have happened.
    Unknown,
}

/// Line of the log. The first line of a number is the intent. A line with the outcome follows, and
/// another when an unknown outcome is resolved later.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// Client and its counter: unique in a run.
    pub number: (usize, u64),
    pub operation: Operation,
    /// Email of the user.
    pub user: String,
    /// Value that it sets: the name, the number of the password, or the session.
    pub value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// True when attempts without an outcome came before this outcome.
    #[serde(default)]
    pub was_unknown: bool,
    /// User's id after a create, otherwise empty.
    #[serde(default)]
    pub id: String,
    /// User's version after a create or a patch.
    #[serde(default)]
    pub version: u64,
}

/// Log file of one client.
pub struct Log {
    file: File,
    /// Written and not yet on disk.
    pending: Vec<u8>,
}

impl Log {
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path);
        Ok(Self {
            file: file.with_context(|| format!("cannot write {}", path.display()))?,
            pending: Vec::new(),
        })
    }

    /// Adds an outcome. The next intent flushes it to disk: no request is sent before.
    pub fn outcome(&mut self, record: &Record) -> Result<()> {
        serde_json::to_writer(&mut self.pending, record)?;
        self.pending.push(b'\n');
        Ok(())
    }

    /// Adds an intent and returns when everything is on disk.
    pub fn intent(&mut self, record: &Record) -> Result<()> {
        self.outcome(record)?;
        self.flush()
    }

    /// Returns when everything is on disk.
    pub fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        self.file.sync_data().context("cannot write the log")
    }
}

/// Reads all records of the logs in a folder, in order per client.
pub fn read(folder: &Path) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for entry in fs::read_dir(folder)? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            records.push(serde_json::from_str(line).with_context(|| format!("in {line}"))?);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_records_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(&folder.path().join("1.jsonl")).unwrap();
        let mut record = Record {
            number: (1, 7),
            operation: Operation::Create,
            user: "a@example.com".into(),
            value: "A".into(),
            outcome: None,
            was_unknown: false,
            id: String::new(),
            version: 0,
        };
        log.intent(&record).unwrap();
        let intent = record.clone();
        record.outcome = Some(Outcome::Ok);
        record.version = 1;
        log.outcome(&record).unwrap();
        assert_eq!(read(folder.path()).unwrap(), std::slice::from_ref(&intent));
        log.flush().unwrap();
        assert_eq!(read(folder.path()).unwrap(), [intent, record]);
    }
}
