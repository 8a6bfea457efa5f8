//! What users are about: the values, the rules, and the statements that keep them.
//!
//! Knows nothing of HTTP. Values are parsed into newtypes before anything happens; SQL is in the
//! `store` modules only, one statement a use case.

pub mod email;
pub mod error;
pub mod full_name;
pub mod idempotency;
pub mod metrics;
pub mod password;
pub mod user;
pub mod users;

pub use error::{Error, FieldError};
pub use user::{NewUser, Role, User, UserId, UserPatch};
pub use users::Users;
