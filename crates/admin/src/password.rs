//! Passwords of new users: generated, or read from standard input.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Returns a password of 144 random bits: 24 characters that need no quoting anywhere.
///
/// # Errors
/// The system has no random bytes.
pub fn random_password() -> Result<String> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("cannot get random bytes: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a password: the first line of standard input, with a hidden prompt if that is a terminal.
pub(crate) fn read() -> Result<String> {
    if stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("cannot read the password");
    }
    let mut line = String::new();
    let read = stdin().read_line(&mut line);
    read.context("cannot read the password from standard input")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
