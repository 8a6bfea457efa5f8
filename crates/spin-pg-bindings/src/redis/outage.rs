//! Detection of a Redis that does not reply.

use std::time::{Duration, Instant};

/// Time for which calls fail at once after a failed connection or several timeouts. An unavailable Redis
/// costs an instance one deadline in this time, not one per request.
const BACK_OFF: Duration = Duration::from_millis(250);

/// Consecutive timeouts that indicate a frozen Redis. A single one may be caused by another client's slow
/// command.
const TIMEOUTS: usize = 3;

/// Silence after which the connection counts as dead. Until then it is kept: a frozen Redis runs the
/// commands that it has received once it resumes, even if the host is gone by then. A new connection
/// sends nothing until Redis has replied to its handshake.
const DEAD: Duration = Duration::from_secs(2);

/// Calls without a reply since the last reply.
#[derive(Debug)]
pub(super) struct OutageDetector {
    timeouts: usize,
    since: Option<Instant>,
    backing_off_until: Option<Instant>,
}

impl OutageDetector {
    pub(super) const fn new() -> Self {
        Self {
            timeouts: 0,
            since: None,
            backing_off_until: None,
        }
    }

    pub(super) fn is_backing_off(&self, now: Instant) -> bool {
        self.backing_off_until.is_some_and(|until| now < until)
    }

    /// True when a silent connection is to be replaced.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        let silent = self.since.map(|since| now.saturating_duration_since(since));
        silent.is_some_and(|silent| silent >= DEAD)
    }

    pub(super) fn replied(&mut self) {
        *self = Self::new();
    }

    pub(super) fn timed_out(&mut self, now: Instant) {
        self.timeouts += 1;
        self.since.get_or_insert(now);
        if self.timeouts >= TIMEOUTS {
            self.back_off(now);
        }
    }

    /// Records that a connection failed or was lost.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.back_off(now);
    }

    fn back_off(&mut self, now: Instant) {
        self.backing_off_until = Some(now + BACK_OFF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_timeouts_are_an_outage() {
        let (mut detector, now) = (OutageDetector::new(), Instant::now());
        detector.timed_out(now);
        detector.timed_out(now);
        assert!(!detector.is_backing_off(now));
        detector.timed_out(now);
        assert!(detector.is_backing_off(now));
        assert!(!detector.is_backing_off(now + BACK_OFF));
    }

    #[test]
    fn a_reply_resets_the_count() {
        let (mut detector, now) = (OutageDetector::new(), Instant::now());
        detector.timed_out(now);
        detector.timed_out(now);
        detector.replied();
        detector.timed_out(now + DEAD);
        assert!(!detector.is_backing_off(now + DEAD));
        assert!(!detector.is_dead(now + DEAD));
    }

    #[test]
    fn a_failed_connection_is_an_outage_until_a_reply() {
        let (mut detector, now) = (OutageDetector::new(), Instant::now());
        detector.disconnected(now);
        assert!(detector.is_backing_off(now));
        detector.replied();
        assert!(!detector.is_backing_off(now));
    }

    #[test]
    fn a_connection_is_dead_after_a_long_silence() {
        let (mut detector, now) = (OutageDetector::new(), Instant::now());
        assert!(!detector.is_dead(now));
        detector.timed_out(now);
        detector.timed_out(now + DEAD / 2);
        assert!(!detector.is_dead(now + DEAD / 2));
        assert!(detector.is_dead(now + DEAD));
    }
}
