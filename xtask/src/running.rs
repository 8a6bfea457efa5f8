//! What `cargo xtask up` tells the other commands while it runs: where its database and its app are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use devservices::write_private;

/// The app that `cargo xtask up` serves.
#[derive(Debug, PartialEq, Eq)]
pub struct Running {
    pub database_url: String,
    /// `http://address:port`
    pub app_url: String,
}

/// The file that says it. Dropping it removes the file.
pub struct Announcement(PathBuf);

impl Running {
    /// What was announced in `state`. After a crash it may be out of date: nobody answers there.
    pub fn find(state: &Path) -> Option<Self> {
        let text = fs::read_to_string(path(state)).ok()?;
        let (database_url, app_url) = text.trim_end().split_once('\n')?;
        Some(Self {
            database_url: database_url.to_owned(),
            app_url: app_url.to_owned(),
        })
    }

    /// Announces it in `state`, to the owner of that folder alone.
    pub fn announce(&self, state: &Path) -> Result<Announcement> {
        let path = path(state);
        write_private(&path, &format!("{}\n{}\n", self.database_url, self.app_url))?;
        Ok(Announcement(path))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Left behind it names servers that are gone, which whoever reads it notices.
        let _ = fs::remove_file(&self.0);
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("running")
}

#[cfg(test)]
mod tests {
    use super::Running;

    #[test]
    fn it_is_known_while_it_runs() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Running::find(state.path()), None);
        let running = Running {
            database_url: "postgres://u:p@127.0.0.1:5/d?sslmode=disable".into(),
            app_url: "http://127.0.0.1:3000".into(),
        };
        let announcement = running.announce(state.path()).unwrap();
        assert_eq!(Running::find(state.path()), Some(running));
        drop(announcement);
        assert_eq!(Running::find(state.path()), None);
    }
}
