//! File with the tokens per server, readable only by its owner.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Tokens issued at sign-in.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[cfg_attr(test, derive(Debug))]
pub struct Tokens {
    pub access_token: String,
    pub refresh_token: String,
}

/// Credentials file.
pub struct Credentials {
    path: PathBuf,
}

impl Credentials {
    /// Returns the file of the current user.
    pub fn of_user() -> Result<Self, Failure> {
        let absolute = |name| {
            let path = std::env::var_os(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let config = absolute("XDG_CONFIG_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".config")))
            .ok_or_else(|| Failure::Local("HOME is not set".into()))?;
        Ok(Self {
            path: config.join("roster/credentials.json"),
        })
    }

    /// Returns the tokens for this server.
    pub fn get(&self, url: &str) -> Result<Option<Tokens>, Failure> {
        Ok(self.read()?.remove(url))
    }

    /// Locks the file against changes by other runs of this program until the lock is dropped.
    pub fn lock(&self) -> Result<Lock<'_>, Failure> {
        let name = |error| Failure::local(&self.path.display().to_string(), error);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(name)?;
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options
            .open(self.path.with_extension("lock"))
            .map_err(name)?;
        file.lock().map_err(name)?;
        Ok(Lock {
            credentials: self,
            folder,
            _file: file,
        })
    }

    fn read(&self) -> Result<BTreeMap<String, Tokens>, Failure> {
        let name = self.path.display().to_string();
        match fs::read(&self.path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| Failure::local(&name, error))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(Failure::local(&name, error)),
        }
    }
}

/// Exclusive write access to the file.
pub struct Lock<'a> {
    credentials: &'a Credentials,
    folder: &'a Path,
    _file: File,
}

impl Lock<'_> {
    /// Stores the tokens for this server, or removes them if `None`.
    pub fn set(&self, url: &str, tokens: Option<Tokens>) -> Result<(), Failure> {
        let mut all = self.credentials.read()?;
        match tokens {
            Some(tokens) => all.insert(url.to_owned(), tokens),
            None => all.remove(url),
        };
        self.write(&all)
            .map_err(|error| Failure::local(&self.credentials.path.display().to_string(), error))
    }

    /// Replaces the file atomically; temporary files have mode 0600.
    fn write(&self, all: &BTreeMap<String, Tokens>) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(self.folder)?;
        file.write_all(&serde_json::to_vec_pretty(all)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.credentials.path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Credentials, Tokens};

    #[test]
    fn tokens_are_stored_per_url_in_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roster/credentials.json");
        let credentials = Credentials { path: path.clone() };
        let tokens = |name: &str| Tokens {
            access_token: format!("{name}-access"),
            refresh_token: format!("{name}-refresh"),
        };
        assert_eq!(credentials.get("http://a").unwrap(), None);
        let lock = credentials.lock().unwrap();
        lock.set("http://a", Some(tokens("a"))).unwrap();
        lock.set("http://b", Some(tokens("b"))).unwrap();
        lock.set("http://a", Some(tokens("c"))).unwrap();
        lock.set("http://b", None).unwrap();
        assert_eq!(credentials.get("http://a").unwrap(), Some(tokens("c")));
        assert_eq!(credentials.get("http://b").unwrap(), None);
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }
}
