//! Random secrets, and files that only their owner can read.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Returns random bytes from the operating system, as twice as many lower-case hex digits.
pub fn random_hex(bytes: usize) -> Result<String> {
    Ok(random(bytes)?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Returns a password of 144 random bits: 24 characters that need no quoting anywhere.
pub fn random_password() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random(18)?))
}

fn random(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
    Ok(buffer)
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
