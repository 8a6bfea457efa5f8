//! Account of the servers: Postgres rejects root, so root lends them an unprivileged account.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::{User, geteuid};

/// The account that servers run as.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// `None` when it is the current user.
    other: Option<User>,
}

impl Account {
    /// Returns the current user; for root `postgres`, or `nobody` if it does not exist.
    pub(crate) fn for_servers() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { other: None });
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).context("cannot read the accounts")? {
                return Ok(Self { other: Some(user) });
            }
        }
        bail!("servers cannot run as root, and neither the account `postgres` nor `nobody` exists")
    }

    /// Makes `command` run as this account.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.other {
            Some(user) => command.uid(user.uid.as_raw()).gid(user.gid.as_raw()),
            None => command,
        }
    }

    /// Hands a file or a folder to this account.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        if let Some(user) = &self.other {
            chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).with_context(|| {
                format!(
                    "cannot change the owner of {} to {}",
                    path.display(),
                    user.name
                )
            })?;
        }
        Ok(())
    }

    /// Creates `dir` for this account alone. Fails if the account cannot reach it.
    pub(crate) fn prepare(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        self.own(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot restrict {}", dir.display()))?;
        if !self.can_write(dir)? {
            bail!(
                "{} is not accessible to the account `{}`: a parent folder is closed to other users",
                dir.display(),
                self.other.as_ref().map_or("", |user| user.name.as_str())
            );
        }
        Ok(())
    }

    fn can_write(&self, dir: &Path) -> Result<bool> {
        if self.other.is_none() {
            return Ok(true);
        }
        let status = self
            .apply(Command::new("test").arg("-w").arg(dir))
            .current_dir("/")
            .status()
            .context("cannot run `test`")?;
        Ok(status.success())
    }
}

/// Returns a folder for the servers' data: `preferred`, or a folder of that name under /var/tmp if
/// their account cannot reach it (a project in root's home).
pub fn data_folder(preferred: &Path) -> Result<PathBuf> {
    fs::create_dir_all(preferred)
        .with_context(|| format!("cannot create {}", preferred.display()))?;
    let preferred = preferred.canonicalize()?;
    let account = Account::for_servers()?;
    let probe = preferred.join("probe");
    let reachable = account.prepare(&probe).is_ok();
    fs::remove_dir(&probe).with_context(|| format!("cannot remove {}", probe.display()))?;
    if reachable {
        return Ok(preferred);
    }
    let name = preferred.to_string_lossy().replace('/', "-");
    let fallback = Path::new("/var/tmp").join(format!("roster{name}"));
    fs::create_dir_all(&fallback)
        .with_context(|| format!("cannot create {}", fallback.display()))?;
    // /var/tmp is writable by all: a folder that another user created must not be used.
    if fs::symlink_metadata(&fallback)?.uid() != geteuid().as_raw() {
        bail!("{} belongs to another user", fallback.display());
    }
    fs::set_permissions(&fallback, fs::Permissions::from_mode(0o755))?;
    Ok(fallback)
}
