//! Commands that turn a copy of this template into a project of its own.

pub mod new_group;
pub mod rename;
