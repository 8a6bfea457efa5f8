//! Commands that change a project made from this template, in a copy of its tracked files.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod new_group;
