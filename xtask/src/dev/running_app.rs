//! Addresses that `cargo xtask up` announces to other commands: its database and its app.

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

/// File of the announcement. Dropping it removes the file.
pub struct Announcement(PathBuf);

impl Running {
    /// Returns the announcement in `state`. After a crash it may be stale: nothing responds there.
    pub fn find(state: &Path) -> Option<Self> {
        let text = fs::read_to_string(path(state)).ok()?;
        let (database_url, app_url) = text.trim_end().split_once('\n')?;
        Some(Self {
            database_url: database_url.to_owned(),
            app_url: app_url.to_owned(),
        })
    }

    /// Writes the announcement to `state`, readable only by the owner of that folder.
    pub fn announce(&self, state: &Path) -> Result<Announcement> {
        let path = path(state);
        write_private(&path, &format!("{}\n{}\n", self.database_url, self.app_url))?;
        Ok(Announcement(path))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // A file that is left names servers that are gone, which its reader notices.
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
    fn the_app_is_announced_while_it_runs() {
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
