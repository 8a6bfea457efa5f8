//! Typed Postgres and Redis over the interfaces of the host.
//!
//! Everything above talks to [`postgres::Database`] and [`redis::Redis`]. In a component these are
//! `HostPostgres` and `HostRedis`; natively, where the host's imports do not exist, tests use
//! fakes, or `NativePostgres` (feature `native`) for SQL, as the operator's commands do.

#[cfg(target_arch = "wasm32")]
mod bindings;
mod deadline;
#[cfg(any(test, target_arch = "wasm32"))]
mod held;
#[cfg(any(test, target_arch = "wasm32"))]
mod race;

pub use deadline::Deadline;

pub mod postgres;
pub mod redis;
