//! Commands for a project that was made from this template.

pub mod new_group;
