//! Responses: JSON, users, lists and problem documents.

pub mod cursor;
pub mod entity_tag;
mod json;
pub mod list;
pub mod problem;
mod session;
mod user;
mod validators;

pub use json::{json, secret_json, tagged_json};
pub use session::{SessionList, SessionView};
pub use user::{UserList, UserView, created_user, user};
pub use validators::not_modified;

/// Marks a response that was delayed until an event that the client waits for. Access control
/// checks the caller again, and the metrics do not count the wait as latency.
#[derive(Debug, Clone, Copy)]
pub struct Waited {
    /// Scope that the response requires in addition to that of the endpoint.
    pub scope: Option<accounts::Scope>,
}
