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
