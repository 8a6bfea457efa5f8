//! What is asked of the person, or read from a pipe instead.

use std::io::{self, IsTerminal};

use crate::failure::Failure;

/// A line of standard input, asked for when somebody sits there.
pub fn line(what: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        eprint!("{what}: ");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::Local(format!("no {what}"))),
        line => Ok(line.to_owned()),
    }
}

/// A password: the variable's, else typed without being shown, else a line of standard input.
pub fn password(what: &str, variable: &str) -> Result<String, Failure> {
    if let Ok(password) = std::env::var(variable) {
        return Ok(password);
    }
    if io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(format!("{what}: "))?);
    }
    line(what)
}
