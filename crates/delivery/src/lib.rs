//! Checks of Roster's delivery without a cluster: manifests, scripts, pipelines.
//!
//! The manifests of an environment are rendered as in a deployment, and the results of the Spin
//! operator and the admission policies are added. `checks` has the rules, one concern per module.

#![allow(
    clippy::indexing_slicing,
    reason = "JSON that is read by index is null where nothing is; nothing else is indexed"
)]

pub mod admission;
pub mod application;
pub mod cel;
pub mod checks;
pub mod environment;
pub mod finding;
pub mod kustomize;
pub mod network;
pub mod object;
pub mod operator;
pub mod pod;
pub mod project;
pub mod quantity;
pub mod selector;

use std::path::PathBuf;

/// Returns the names of the endpoint groups, which have a SpinApp each, in alphabetical order.
pub fn groups() -> Vec<&'static str> {
    let mut names = settings::Component::NAMES.to_vec();
    names.sort_unstable();
    names
}

/// Returns the folder of the workspace.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
