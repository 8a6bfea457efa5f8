//! Input from a prompt, or from a pipe instead.

use std::io::{self, IsTerminal};

use crate::failure::Failure;

/// Reads a line of standard input, with a prompt if it is a terminal.
pub fn line(what: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        eprint!("{what}: ");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::Local(format!("{what} must not be empty"))),
        line => Ok(line.to_owned()),
    }
}

/// Reads a password from the variable, else from a hidden prompt, else from a line of standard input.
pub fn password(what: &str, variable: &str) -> Result<String, Failure> {
    if let Ok(password) = std::env::var(variable) {
        return Ok(password);
    }
    if io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(format!("{what}: "))?);
    }
    line(what)
}
