//! The clients' log: what each intended and what came of it, on disk before the next step.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// An act of a client.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Create,
    Replay,
    Patch,
    Delete,
    Password,
    Login,
    Revoke,
    Refresh,
}

impl Deed {
    /// All deeds, as reports list them.
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

    /// The name in reports.
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

/// The outcome of an act.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Acknowledged.
    Ok,
    /// Refused, or never sent: it must not have happened.
    Failed,
    /// It may or may not have happened.
    Unknown,
}

/// One line. The first of a number is the intent; one with an outcome follows, and another when an
/// unknown outcome is resolved later.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    /// The client and its count: unique in a run.
    pub number: (usize, u64),
    pub deed: Deed,
    /// The email of the user that it is about.
    pub user: String,
    /// Value that it sets: the name, the number of the password, the session.
    pub value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// True where attempts without an outcome came before this outcome.
    #[serde(default)]
    pub was_unknown: bool,
    /// The user's id after a create, else empty.
    #[serde(default)]
    pub id: String,
    /// The user's version after a create and a patch.
    #[serde(default)]
    pub version: u64,
}

/// A file that one client writes.
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

    /// Adds an outcome. The next intent takes it to disk: until then no request is sent.
    pub fn outcome(&mut self, record: &Record) -> Result<()> {
        serde_json::to_writer(&mut self.pending, record)?;
        self.pending.push(b'\n');
        Ok(())
    }

    /// Adds an intent, and returns when all is on disk.
    pub fn intent(&mut self, record: &Record) -> Result<()> {
        self.outcome(record)?;
        self.flush()
    }

    /// Returns when all is on disk.
    pub fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        self.file.sync_data().context("cannot write the log")
    }
}

/// Every record of the logs in a folder, those of one client in their order.
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
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(&folder.path().join("1.jsonl")).unwrap();
        let mut record = Record {
            number: (1, 7),
            deed: Deed::Create,
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
