//! Random secrets, and files that only their owner can read.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

/// Returns random bytes from the operating system, as twice as many lower-case hex digits.
pub fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the secret in `path`; if there is none, writes a new one of 32 hex digits with mode 0600.
pub fn persistent_secret(path: &Path) -> Result<String> {
    if let Ok(secret) = fs::read_to_string(path) {
        let secret = secret.trim();
        if !secret.is_empty() {
            return Ok(secret.to_owned());
        }
    }
    let secret = random_hex(16)?;
    write_private(path, &secret)?;
    Ok(secret)
}

/// Replaces `path` with a file of mode 0600. The mode is set before the contents are written.
pub fn write_private(path: &Path, contents: &str) -> Result<()> {
    if path.exists() {
        fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(contents.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
