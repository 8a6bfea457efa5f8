//! Locations of the servers' programs and the browser.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A Postgres installation: `bin` holds `postgres` and `initdb`.
#[derive(Debug)]
pub(crate) struct PostgresBinaries {
    pub(crate) bin: PathBuf,
    pub(crate) major: u32,
}

/// Folders whose subfolders are versions, and the path of `bin` in each version.
const POSTGRES_ROOTS: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// Returns every Postgres on this machine, newest first.
pub(crate) fn postgres() -> Vec<PostgresBinaries> {
    let mut folders = path_folders();
    for (root, prefix, bin) in POSTGRES_ROOTS {
        folders.extend(
            Path::new(root)
                .read_dir()
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join(bin)),
        );
    }
    let mut found = Vec::<PostgresBinaries>::new();
    for folder in folders {
        // `postgres` on PATH is often a link into the installation, which has the other programs.
        let Ok(program) = folder.join("postgres").canonicalize() else {
            continue;
        };
        let Some(bin) = program.parent().filter(|bin| bin.join("initdb").exists()) else {
            continue;
        };
        if found.iter().any(|other| other.bin == bin) {
            continue;
        }
        if let Ok(major) = postgres_major(&program) {
            let bin = bin.to_path_buf();
            found.push(PostgresBinaries { bin, major });
        }
    }
    found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found
}

/// `redis-server`, or `valkey-server`, which speaks the same protocol.
pub(crate) fn redis() -> Option<PathBuf> {
    find(&["redis-server", "valkey-server"], &[])
}

/// nginx, which Debian installs in a folder that only root has on PATH.
pub fn nginx() -> Option<PathBuf> {
    find(&["nginx"], &["/usr/sbin"])
}

/// Chromium, or a browser based on it, and the driver that tests talk to.
#[derive(Debug)]
pub struct Browser {
    pub chromium: PathBuf,
    pub driver: PathBuf,
}

impl Browser {
    const NAMES: [&str; 4] = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    /// Folders in which some systems install the driver without a link on PATH.
    const DRIVER_FOLDERS: [&str; 2] = ["/usr/lib/chromium", "/usr/lib64/chromium-browser"];

    /// Returns the browser of this machine; `None` when it or its driver is missing.
    pub fn find() -> Option<Self> {
        Some(Self {
            chromium: find(&Self::NAMES, &[])?,
            driver: find(&["chromedriver"], &Self::DRIVER_FOLDERS)?,
        })
    }
}

/// Returns the first of `names` that is on PATH, in a usual folder, or in one of `others`.
fn find(names: &[&str], others: &[&str]) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];
    let mut folders = path_folders();
    folders.extend(usual.iter().chain(others).map(PathBuf::from));
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// Returns the path of a program on PATH.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let mut candidates = path_folders().into_iter().map(|folder| folder.join(name));
    candidates.find(|program| program.is_file())
}

/// Returns true if `python3` can create a virtual environment; Debian packages that separately.
pub(crate) fn has_python() -> bool {
    let check = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
    Command::new("python3")
        .args(["-c", check])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn path_folders() -> Vec<PathBuf> {
    env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default()
}

fn postgres_major(program: &Path) -> Result<u32> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// The major version in `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn parse_major(text: &str) -> Result<u32> {
    let version = text.split_whitespace().nth(2).unwrap_or_default();
    let digits = version.split(|c: char| !c.is_ascii_digit()).next();
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(major) => Ok(major),
        None => bail!("cannot read a version from {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn reads_the_major_version() {
        let debian = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n";
        assert_eq!(parse_major(debian).unwrap(), 15);
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1").unwrap(), 18);
        assert!(parse_major("postgres").is_err());
    }
}
