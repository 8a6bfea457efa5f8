//! Counters of events since they were last taken.
//!
//! An instance counts in its own memory; its runner takes the counts and adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

/// An event that operators monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Event {
    /// Every event; events of one family are adjacent.
    pub const ALL: [Self; 12] = [
        Self::LoginSucceeded,
        Self::LoginFailed,
        Self::LoginThrottled,
        Self::TokenRefused,
        Self::RefreshReplayed,
        Self::RateLimited,
        Self::RateLimitOpen,
        Self::CacheHit,
        Self::CacheMiss,
        Self::HashSlotRefused,
        Self::BreachCheckFailed,
        Self::PasswordBreached,
    ];

    /// Returns the family, the labels that distinguish the event within it, and the family's help text.
    const fn row(self) -> (&'static str, &'static str, &'static str) {
        const LOGINS: &str = "Login attempts by outcome.";
        const CACHE: &str = "Cache lookups of users by outcome; a miss is read from Postgres.";
        match self {
            Self::LoginSucceeded => ("roster_logins_total", "{outcome=\"succeeded\"}", LOGINS),
            Self::LoginFailed => ("roster_logins_total", "{outcome=\"failed\"}", LOGINS),
            Self::LoginThrottled => ("roster_logins_total", "{outcome=\"throttled\"}", LOGINS),
            Self::TokenRefused => ("roster_tokens_refused_total", "", "Rejected access tokens."),
            Self::RefreshReplayed => (
                "roster_refresh_replays_total",
                "",
                "Refresh tokens used more than once; each reuse ends the session.",
            ),
            Self::RateLimited => (
                "roster_rate_limited_total",
                "",
                "Requests rejected by the general rate limit.",
            ),
            Self::RateLimitOpen => (
                "roster_rate_limit_open_total",
                "",
                "Requests accepted without rate limiting, because Redis did not respond.",
            ),
            Self::CacheHit => ("roster_cache_lookups_total", "{outcome=\"hit\"}", CACHE),
            Self::CacheMiss => ("roster_cache_lookups_total", "{outcome=\"miss\"}", CACHE),
            Self::HashSlotRefused => (
                "roster_hash_slots_refused_total",
                "",
                "Passwords not hashed, because no hash slot was free.",
            ),
            Self::BreachCheckFailed => (
                "roster_breach_checks_failed_total",
                "",
                "Passwords accepted without the breach check, because it failed.",
            ),
            Self::PasswordBreached => (
                "roster_passwords_breached_total",
                "",
                "Passwords rejected, because they appear in known data breaches.",
            ),
        }
    }

    /// Returns the metric's name, shared by events that differ only in a label.
    pub const fn family(self) -> &'static str {
        self.row().0
    }

    /// Returns `{label="value"}`, or an empty string.
    pub const fn labels(self) -> &'static str {
        self.row().1
    }

    /// Returns one line of help text for the family.
    pub const fn help(self) -> &'static str {
        self.row().2
    }
}

struct Counts([AtomicU64; Event::ALL.len()]);

impl Counts {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Event::ALL.len()])
    }

    fn count(&self, event: Event) {
        if let Some(count) = self.0.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<(Event, u64)> {
        let taken = Event::ALL
            .into_iter()
            .zip(&self.0)
            .map(|(event, count)| (event, count.swap(0, Ordering::Relaxed)));
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
    use std::collections::HashSet;

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

    #[test]
    fn events_are_listed_in_order_with_unique_names() {
        let mut names = HashSet::new();
        let mut families: Vec<&str> = Vec::new();
        for (place, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, place, "{event:?}");
            assert!(names.insert((event.family(), event.labels())), "{event:?}");
            if families.last() != Some(&event.family()) {
                assert!(
                    !families.contains(&event.family()),
                    "{event:?} is not adjacent to its family"
                );
                families.push(event.family());
            }
        }
    }
}
