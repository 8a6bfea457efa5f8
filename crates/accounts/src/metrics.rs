//! Counters of events since they were last taken.
//!
//! An instance counts in its own memory; its runner takes the counts and adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

use strum::VariantArray;

/// An event that operators monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum Event {
    LoginSucceeded,
    LoginFailed,
    LoginThrottled,
    TokenRefused,
    RefreshReplayed,
    RateLimited,
    RateLimitOpen,
    CacheHit,
    CacheMiss,
    HashSlotRefused,
    BreachCheckFailed,
    PasswordBreached,
}

struct Counts([AtomicU64; Event::VARIANTS.len()]);

impl Counts {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Event::VARIANTS.len()])
    }

    fn count(&self, event: Event) {
        if let Some(count) = self.0.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<(Event, u64)> {
        let taken = Event::VARIANTS
            .iter()
            .zip(&self.0)
            .map(|(event, count)| (*event, count.swap(0, Ordering::Relaxed)));
        taken.filter(|(_, count)| *count > 0).collect()
    }
}

/// Counters of this instance.
static COUNTS: Counts = Counts::new();

/// Counts one event. Costs one addition; the caller of [`take`] persists it.
pub fn count(event: Event) {
    COUNTS.count(event);
}

/// Returns the counts since the last call and resets them; the caller must persist them.
pub fn take() -> Vec<(Event, u64)> {
    COUNTS.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once() {
        let counts = Counts::new();
        counts.count(Event::CacheHit);
        counts.count(Event::CacheHit);
        counts.count(Event::PasswordBreached);
        assert_eq!(
            counts.take(),
            [(Event::CacheHit, 2), (Event::PasswordBreached, 1)]
        );
        assert_eq!(counts.take(), []);
    }
}
