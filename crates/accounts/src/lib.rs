//! Domain of users and authentication: values, rules, and the statements that store them.
//!
//! Independent of HTTP. Values are parsed into newtypes before use. SQL is in the `store` modules, except
//! for the few statements of `session::bootstrap` and `password::hash_slots`, with one statement per use case.

pub mod audit;
pub mod authentication;
pub mod cache;
pub mod client_address;
pub mod error;
pub mod expected;
pub mod feed;
pub mod idempotency;
pub mod keys;
pub mod login_attempts;
pub mod metrics;
pub mod pagination;
pub mod password;
pub mod schema;
pub mod service_account;
pub mod session;
pub mod user;
mod utc;

pub use audit::{Actor, Audit};
pub use authentication::Authenticator;
pub use cache::{Cache, Deferred};
pub use client_address::ClientAddress;
pub use error::{Error, FieldError};
pub use expected::Expected;
pub use keys::RootKey;
pub use login_attempts::LoginAttempts;
pub use password::hash_slots::HashSlots;
pub use password::policy::NewPasswords;
pub use password::service::Passwords;
pub use service_account::scope::Scope;
pub use service_account::service::ServiceAccounts;
pub use service_account::{ServiceAccount, ServiceAccountId};
pub use session::bootstrap::Bootstrap;
pub use session::service::Sessions;
pub use session::{SessionId, SessionPolicy};
pub use user::service::Users;
pub use user::{NewUser, Role, User, UserId, UserPatch};
