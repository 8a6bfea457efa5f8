//! Times at which the requests of an open loop are due.

use std::time::Duration;

/// Requests at a fixed rate: the first at the start, the others at equal intervals.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    per_second: f64,
}

impl Pace {
    pub fn new(per_second: f64) -> Self {
        Self {
            per_second: per_second.max(1.0),
        }
    }

    /// Returns the time from the start at which request `number` is due.
    pub fn due(&self, number: u64) -> Duration {
        Duration::from_secs_f64(number as f64 / self.per_second)
    }

    /// Returns the number of requests that are due `elapsed` after the start.
    pub fn count(&self, elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * self.per_second).floor() as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    #[test]
    fn requests_are_due_at_equal_distances() {
        let pace = Pace::new(500.0);
        assert_eq!(pace.due(0), Duration::ZERO);
        assert_eq!(pace.due(1), Duration::from_millis(2));
        assert_eq!(pace.due(500), Duration::from_secs(1));
    }

    #[test]
    fn only_due_requests_are_counted() {
        let pace = Pace::new(300.0);
        for number in 0..1_000 {
            let due = pace.due(number);
            assert!(pace.count(due + Duration::from_nanos(10)) > number);
            let before = due.saturating_sub(Duration::from_micros(1));
            assert!(number == 0 || pace.count(before) <= number);
        }
    }
}
