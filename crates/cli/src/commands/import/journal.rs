//! Files beside the imported one: its progress, until the import is complete, and its rejected lines.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use roster_client::types::{ImportReport, LineStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::batches::Batch;
use crate::failure::Failure;

/// Progress of an import.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Progress {
    /// Size of the file in bytes and time of its last change in nanoseconds since 1970, which identify it.
    pub size: u64,
    modified: u64,
    /// URL of the server that has the lines that are done.
    server: String,
    /// Bytes and lines that are done.
    pub bytes: u64,
    pub lines: u64,
    pub created: u64,
    pub unchanged: u64,
    pub rejected: u64,
    /// Size of the report about these lines; more of it is from an interrupted run.
    report_bytes: u64,
}

/// Numbers of lines by result.
#[derive(Serialize)]
pub struct Counts {
    pub created: u64,
    pub unchanged: u64,
    pub rejected: u64,
}

impl Progress {
    pub fn counts(&self) -> Counts {
        Counts {
            created: self.created,
            unchanged: self.unchanged,
            rejected: self.rejected,
        }
    }

    /// Returns the reason that this import cannot continue as the one that begins with `fresh`, if there is one.
    fn conflict(&self, fresh: &Self) -> Option<String> {
        if (self.size, self.modified) != (fresh.size, fresh.modified) {
            return Some("has changed since its import was interrupted".to_owned());
        }
        (self.server != fresh.server)
            .then(|| format!("its import to {} was interrupted", self.server))
    }
}

/// Progress and report of a file.
pub struct Journal {
    path: PathBuf,
    report: PathBuf,
    progress: Progress,
}

impl Journal {
    /// Opens the journal of a file: that of an interrupted import of the same file to the same server, or a new one.
    ///
    /// # Errors
    /// Among others, the file has changed since the interrupted import, or that was to another server.
    pub fn open(file: &Path, server: &str) -> Result<Self, Failure> {
        let (path, report) = (beside(file, ".progress"), report_of(file));
        let metadata = fs::metadata(file).map_err(|error| named(file, error))?;
        let modified = metadata.modified().map_err(|error| named(file, error))?;
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let fresh = Progress {
            size: metadata.len(),
            modified: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
            server: server.to_owned(),
            ..Progress::default()
        };
        let progress = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| named(&path, error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => fresh.clone(),
            Err(error) => return Err(named(&path, error)),
        };
        if let Some(reason) = progress.conflict(&fresh) {
            let reason = format!("{reason}; to start again, delete {}", path.display());
            return Err(named(file, reason));
        }
        match File::options().write(true).open(&report) {
            Ok(file) => file
                .set_len(progress.report_bytes)
                .map_err(|error| named(&report, error))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(named(&report, error)),
        }
        Ok(Self {
            path,
            report,
            progress,
        })
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Records the results of the next batch: first the rejected lines, then the progress that includes them.
    pub fn record(&mut self, batch: &Batch, results: &ImportReport) -> Result<(), Failure> {
        let mut rejected = Vec::new();
        let (mut created, mut unchanged) = (0, 0);
        for result in &results.results {
            match result.status {
                LineStatus::Created => created += 1,
                LineStatus::Unchanged => unchanged += 1,
                LineStatus::Rejected => {
                    let line = u64::try_from(result.line).unwrap_or_default();
                    let line = batch.lines_before + line;
                    rejected.push(json!({ "line": line, "errors": result.errors }));
                }
            }
        }
        self.append(&rejected)?;
        let progress = &mut self.progress;
        progress.bytes += batch.body.len() as u64;
        progress.lines += batch.lines;
        progress.created += created;
        progress.unchanged += unchanged;
        progress.rejected += rejected.len() as u64;
        self.save().map_err(|error| named(&self.path, error))
    }

    fn append(&mut self, rejected: &[serde_json::Value]) -> Result<(), Failure> {
        if rejected.is_empty() {
            return Ok(());
        }
        let lines: String = rejected.iter().map(|line| format!("{line}\n")).collect();
        let file = File::options().create(true).append(true).open(&self.report);
        let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
        written.map_err(|error| named(&self.report, error))?;
        self.progress.report_bytes += lines.len() as u64;
        Ok(())
    }

    /// Replaces the file atomically.
    fn save(&self) -> std::io::Result<()> {
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(&serde_json::to_vec(&self.progress)?)?;
        file.persist(&self.path)?;
        Ok(())
    }

    /// Removes the progress of a complete import, and an empty report.
    pub fn close(self) -> Result<Progress, Failure> {
        remove(&self.path)?;
        if self.progress.report_bytes == 0 {
            remove(&self.report)?;
        }
        Ok(self.progress)
    }
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(named(path, error)),
        _ => Ok(()),
    }
}

/// Returns the path of the report about a file.
pub fn report_of(file: &Path) -> PathBuf {
    beside(file, ".rejected.ndjson")
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn named(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::local(&path.display().to_string(), error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use roster_client::types::ImportReport;
    use serde_json::json;
    use tempfile::TempDir;

    use super::{Batch, Journal, report_of};

    const SERVER: &str = "https://users.example";

    fn batch(lines_before: u64) -> Batch {
        Batch {
            lines_before,
            lines: 2,
            body: b"{}\n{}\n".to_vec(),
        }
    }

    fn results() -> ImportReport {
        let id = "019927e0-59f4-7c60-b0a5-3a7f4b1f2c11";
        let errors = json!([{ "pointer": "#/email", "detail": "is taken" }]);
        let report = json!({ "created": 1, "unchanged": 0, "rejected": 1, "results": [
            { "line": 1, "status": "created", "id": id },
            { "line": 2, "status": "rejected", "errors": errors },
        ] });
        serde_json::from_value(report).unwrap()
    }

    /// Writes a file of `lines` lines, and interrupts its import after the first two.
    fn interrupted(lines: usize) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.ndjson");
        fs::write(&file, "{}\n".repeat(lines)).unwrap();
        let mut journal = Journal::open(&file, SERVER).unwrap();
        journal.record(&batch(0), &results()).unwrap();
        (folder, file)
    }

    #[test]
    fn an_interrupted_import_continues_and_a_complete_one_leaves_only_its_report() {
        let (folder, file) = interrupted(4);
        // Written before the progress that would include it.
        let report = report_of(&file);
        let once = fs::read_to_string(&report).unwrap();
        fs::write(&report, once.repeat(2)).unwrap();

        let mut journal = Journal::open(&file, SERVER).unwrap();
        assert_eq!((journal.progress().lines, journal.progress().bytes), (2, 6));
        assert_eq!(fs::read_to_string(&report).unwrap(), once);
        journal.record(&batch(2), &results()).unwrap();
        let progress = journal.close().unwrap();
        assert_eq!((progress.created, progress.rejected), (2, 2));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let lines = fs::read_to_string(&report).unwrap();
        assert!(lines.contains("\"line\":2"), "{lines}");
        assert!(lines.contains("\"line\":4"), "{lines}");
    }

    #[test]
    fn an_import_is_not_continued_at_another_server() {
        let (_folder, file) = interrupted(2);
        assert!(Journal::open(&file, "https://other.example").is_err());
        let journal = Journal::open(&file, SERVER).unwrap();
        assert_eq!(journal.progress().lines, 2);
    }

    #[test]
    fn a_changed_file_is_not_continued() {
        let (folder, file) = interrupted(2);
        fs::write(&file, "{}\n{}\n{}\n").unwrap();
        assert!(Journal::open(&file, SERVER).is_err());
        fs::remove_file(folder.path().join("users.ndjson.progress")).unwrap();
        let journal = Journal::open(&file, SERVER).unwrap();
        assert_eq!(journal.progress().lines, 0);
        assert_eq!(fs::read_to_string(report_of(&file)).unwrap(), "");
    }
}
