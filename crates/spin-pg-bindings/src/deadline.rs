//! Deadlines that measure the store, not this instance's own wait for the CPU.
//!
//! On a busy host, the reply of a healthy store waits behind other instances for longer than any deadline
//! that would detect a frozen store soon enough. A late timer reveals this: the instance had to wait for
//! the CPU, and so did a reply. Time counts against the store only if its timer was punctual and the
//! store did not reply to another call in it. A hard limit bounds the whole call, and on a host on which a
//! timer was later than an eighth of it, eight times that delay, at most five seconds.

#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(any(test, target_arch = "wasm32"))]
mod remaining;

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
pub(crate) use clock::{Timer, timer, wait};

/// Bounds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Time allowed to the store.
    pub store: Duration,
    /// Longest time of the call on a host too busy to show that the store is slow.
    pub hard: Duration,
}
