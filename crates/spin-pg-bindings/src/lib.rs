//! Typed Postgres and Redis over the interfaces of the host.
//!
//! All other crates use [`postgres::Database`] and [`redis::Redis`]. In a component these are
//! `HostPostgres` and `HostRedis`. Natively, without the host's imports, tests use fakes, or
//! `NativePostgres` (feature `native`) for SQL, as do the operator's commands.

#[cfg(target_arch = "wasm32")]
mod bindings;
mod deadline;
#[cfg(any(test, target_arch = "wasm32"))]
mod pool;
#[cfg(any(test, target_arch = "wasm32"))]
mod race;

pub use deadline::Deadline;

pub mod postgres;
pub mod redis;
