//! Domain of users and authentication: values, rules, and the statements that store them.
//!
//! Independent of HTTP. Values are parsed into newtypes before use. SQL is in the `store` modules, except
//! for the few statements of `bootstrap` and `hashing`, with one statement per use case.

pub mod admission;
pub mod audit;
pub mod bootstrap;
pub mod breached;
pub mod cache;
pub mod client_address;
pub mod credentials;
pub mod email;
pub mod error;
pub mod expected;
pub mod full_name;
pub mod hashing;
pub mod idempotency;
pub mod keys;
pub mod metrics;
pub mod page;
pub mod password;
pub mod passwords;
pub mod placeholder;
pub mod session;
pub mod sessions;
pub mod user;
pub mod users;

pub use admission::Admission;
pub use audit::{Actor, Audit};
pub use bootstrap::Bootstrap;
pub use cache::{Cache, Deferred};
pub use client_address::ClientAddress;
pub use credentials::Credentials;
pub use error::{Error, FieldError};
pub use expected::Expected;
pub use hashing::Hasher;
pub use keys::RootKey;
pub use passwords::{NewPasswords, Passwords};
pub use session::{SessionId, SessionPolicy};
pub use sessions::Sessions;
pub use user::{NewUser, Role, User, UserId, UserPatch};
pub use users::Users;
