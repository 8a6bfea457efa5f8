//! Commands and Lua scripts.

use std::fmt::Write;
use std::sync::OnceLock;

use sha1::{Digest, Sha1};

use super::Arg;

/// A Lua script, stored by Redis under its SHA-1. Its text is sent if Redis lacks it or the command
/// insists.
#[derive(Debug)]
pub struct Script {
    text: &'static str,
    sha1: OnceLock<String>,
}

impl Script {
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            sha1: OnceLock::new(),
        }
    }

    /// Returns the SHA-1 of the text in hexadecimal digits.
    pub fn sha1(&self) -> &str {
        self.sha1.get_or_init(|| {
            let mut digits = String::with_capacity(40);
            for byte in Sha1::digest(self.text) {
                // Writing to a string cannot fail.
                let _ = write!(digits, "{byte:02x}");
            }
            digits
        })
    }
}

/// One command with its arguments.
#[derive(Debug, Clone)]
pub struct Command {
    /// Name such as `GET`; `EVALSHA` or `EVAL` for a script.
    pub name: &'static str,
    pub args: Vec<Arg>,
    script: Option<&'static Script>,
    is_insistent: bool,
}

impl Command {
    pub fn new<A: Into<Arg>>(name: &'static str, args: impl IntoIterator<Item = A>) -> Self {
        Self {
            name,
            args: args.into_iter().map(A::into).collect(),
            script: None,
            is_insistent: false,
        }
    }

    /// Runs `script` with these keys and arguments.
    pub fn script<K: Into<Arg>>(
        script: &'static Script,
        keys: impl IntoIterator<Item = K>,
        args: impl IntoIterator<Item = Arg>,
    ) -> Self {
        let mut all = vec![Arg::from(script.sha1()), Arg::Int(0)];
        all.extend(keys.into_iter().map(K::into));
        let keys = i64::try_from(all.len() - 2).unwrap_or(i64::MAX);
        if let Some(count) = all.get_mut(1) {
            *count = Arg::Int(keys);
        }
        all.extend(args);
        Self {
            name: "EVALSHA",
            args: all,
            script: Some(script),
            is_insistent: false,
        }
    }

    /// Returns the same command with the text of its script, to be attempted even while others fail at
    /// once because Redis did not reply lately. A frozen Redis runs the commands that it has received
    /// once it resumes, and by then no instance may be left to send the text.
    #[must_use]
    pub fn insistent(self) -> Self {
        Self {
            is_insistent: true,
            ..self.with_text().unwrap_or(self)
        }
    }

    /// True when it is attempted regardless of earlier failures.
    pub fn is_insistent(&self) -> bool {
        self.is_insistent
    }

    /// Returns the same command for a Redis that lacks the script; `None` when it runs none.
    pub fn with_text(&self) -> Option<Self> {
        let mut args = self.args.clone();
        *args.first_mut()? = Arg::from(self.script?.text);
        Some(Self {
            name: "EVAL",
            args,
            script: None,
            is_insistent: self.is_insistent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SCRIPT: Script = Script::new("return redis.call('GET', KEYS[1])");

    #[test]
    fn a_script_is_named_by_its_sha1() {
        // printf %s "return redis.call('GET', KEYS[1])" | sha1sum
        let sha1 = "d3c21d0c2b9ca22f82737626a27bcaf5d288f99f";
        let command = Command::script(&SCRIPT, ["a", "b"], [Arg::from("7")]);
        let args = [Arg::from(sha1), Arg::Int(2)];
        let rest = ["a", "b", "7"].map(Arg::from);
        assert_eq!(
            (command.name, command.args),
            ("EVALSHA", [&args[..], &rest].concat())
        );
    }

    #[test]
    fn an_unknown_script_is_sent_as_text() {
        let command = Command::script(&SCRIPT, ["a"], []).with_text().unwrap();
        let args = vec![Arg::from(SCRIPT.text), Arg::Int(1), Arg::from("a")];
        assert_eq!((command.name, command.args), ("EVAL", args));
        assert!(Command::new("GET", ["a"]).with_text().is_none());
    }

    #[test]
    fn insistent_scripts_are_sent_as_text() {
        let command = Command::script(&SCRIPT, ["a"], []).insistent();
        assert_eq!((command.name, command.is_insistent()), ("EVAL", true));
        let command = Command::new("SET", ["a", "b"]).insistent();
        assert_eq!((command.name, command.is_insistent()), ("SET", true));
    }
}
