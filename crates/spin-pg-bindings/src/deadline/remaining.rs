//! Remaining time of a store.

use std::time::Duration;

use super::Deadline;

/// Largest delay of a timer that still shows that the instance gets the CPU. On an idle host the delay is
/// about a millisecond.
const PUNCTUAL: Duration = Duration::from_millis(5);

/// Turns of a busy host that a call needs: to open a connection, to authenticate, to send the command and
/// to receive the reply, each in a task of the host and in this instance.
const TURNS: u32 = 8;

/// Longest time of a call on a busy host.
const LONGEST: Duration = Duration::from_secs(5);

/// Remaining part of a deadline.
#[derive(Debug)]
pub(super) struct RemainingTime {
    whole: Deadline,
    store: Duration,
    elapsed: Duration,
    /// Longest delay of a timer: about one turn of the host.
    turn: Duration,
}

impl RemainingTime {
    pub(super) fn of(deadline: Deadline) -> Self {
        Self {
            whole: deadline,
            store: deadline.store,
            elapsed: Duration::ZERO,
            turn: Duration::ZERO,
        }
    }

    /// Returns the time until the next timer, zero once the deadline has passed. The first slice is the
    /// longest: most calls need no other.
    pub(super) fn slice(&self) -> Duration {
        let whole = self.whole.store;
        let part = if self.store < whole { 4 } else { 2 };
        let hard = (self.turn * TURNS).min(LONGEST).max(self.whole.hard);
        let rest = hard.saturating_sub(self.elapsed);
        (whole / part).min(self.store).min(rest)
    }

    /// Counts a slice and its timer's delay; `progressed` is true if the store replied in it.
    pub(super) fn count(&mut self, slice: Duration, late: Duration, progressed: bool) {
        self.elapsed += slice + late;
        self.turn = self.turn.max(late);
        if late <= PUNCTUAL && !progressed {
            self.store = self.store.saturating_sub(slice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Deadline = Deadline {
        store: Duration::from_millis(100),
        hard: Duration::from_millis(1_000),
    };

    /// Returns the milliseconds until the deadline passes if each timer is this late.
    fn passes_after(late: u64, progressed: bool) -> u128 {
        let (mut remaining, mut total) = (RemainingTime::of(DEADLINE), Duration::ZERO);
        let late = Duration::from_millis(late);
        loop {
            let slice = remaining.slice();
            if slice.is_zero() {
                return total.as_millis();
            }
            remaining.count(slice, late, progressed);
            total += slice + late;
        }
    }

    #[test]
    fn a_store_gets_the_full_deadline_on_an_idle_host() {
        assert_eq!(passes_after(0, false), 100);
        assert_eq!(passes_after(1, false), 103);
    }

    #[test]
    fn waiting_for_the_cpu_extends_the_deadline() {
        assert_eq!(passes_after(50, false), 1_000);
    }

    #[test]
    fn a_call_gets_eight_turns_of_a_host_that_is_busier() {
        assert_eq!(passes_after(300, false), 2_450);
        assert_eq!(passes_after(800, false), 5_100);
        assert_eq!(passes_after(10_000, false), 10_050);
    }

    #[test]
    fn a_single_late_timer_does_not_extend_the_time_of_a_frozen_store() {
        let (mut remaining, mut total) = (RemainingTime::of(DEADLINE), Duration::ZERO);
        let mut late = Duration::from_millis(500);
        while !remaining.slice().is_zero() {
            let slice = remaining.slice();
            remaining.count(slice, late, false);
            total += slice + late;
            late = Duration::ZERO;
        }
        assert_eq!(total.as_millis(), 650);
    }

    #[test]
    fn replies_to_other_calls_extend_the_deadline() {
        assert_eq!(passes_after(0, true), 1_000);
    }

    #[test]
    fn late_timers_do_not_hide_a_frozen_store() {
        let mut remaining = RemainingTime::of(DEADLINE);
        for late in [30, 0, 40, 2, 0] {
            let slice = remaining.slice();
            remaining.count(slice, Duration::from_millis(late), false);
        }
        assert!(remaining.slice().is_zero(), "{remaining:?}");
    }
}
