//! Deadlines that measure the store, not this instance's own wait for the CPU.
//!
//! On a busy host the reply of a healthy store waits behind other instances for longer than any
//! deadline that would notice a frozen store soon enough. A clock that fires late shows that: the
//! instance had to wait for the CPU, and so had a reply. Only the time before a punctual clock counts
//! against the store, and none in which it replied to another call. A hard limit bounds the whole.

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(any(test, target_arch = "wasm32"))]
mod left;

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
pub(crate) use clock::{Timer, timer, wait};

/// The bounds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Time of the store.
    pub store: Duration,
    /// Longest time of the call, for a host too busy to show whether the store is slow.
    pub hard: Duration,
}
