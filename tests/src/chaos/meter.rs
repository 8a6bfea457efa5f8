//! What clients see while a fault lasts: response times, statuses, and responses that must not be.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::schedule::Kind;

/// The longest time to a response, as a client measures it.
pub const RESPONSE_LIMIT: Duration = Duration::from_millis(2_500);
/// How many exceptions a report describes, of each sort.
const DESCRIBED: usize = 40;

/// The responses during one kind of fault, up to the recovery from it.
#[derive(Clone, Debug, Default)]
pub struct Responses {
    pub count: u64,
    pub unavailable: u64,
    /// Requests without a response: the connection was refused or broke.
    pub none: u64,
    pub slowest: Duration,
    pub late: u64,
}

/// Everything that was measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// By fault; None is between faults.
    pub responses: BTreeMap<Option<Kind>, Responses>,
    pub recoveries: BTreeMap<Kind, Vec<Duration>>,
    /// Responses that no fault excuses: 500, stale reads, tokens that were revoked.
    pub violations: Vec<String>,
    pub violation_count: u64,
    /// Responses after the limit.
    pub late: Vec<String>,
}

/// The state that clients and the schedule share.
#[derive(Default)]
pub struct Meter {
    state: Mutex<(Option<Kind>, Measured)>,
    begun: Mutex<Option<Instant>>,
}

impl Meter {
    /// Begins a fault.
    pub fn begin(&self, kind: Kind) {
        self.change(|current, _| *current = Some(kind));
    }

    /// Ends the fault, after a recovery that took so long.
    pub fn end(&self, recovery: Duration) {
        self.change(|current, measured| {
            if let Some(kind) = current.take() {
                measured.recoveries.entry(kind).or_default().push(recovery);
            }
        });
    }

    /// The fault that lasts now.
    pub fn current(&self) -> Option<Kind> {
        self.change(|current, _| *current)
    }

    /// Counts one request. `fault` is the one that it began in; `status` is 0 without a response.
    pub fn request(&self, fault: Option<Kind>, status: u16, took: Duration, what: &str) {
        let at = self.elapsed();
        self.change(|current, measured| {
            let fault = fault.or(*current);
            let responses = measured.responses.entry(fault).or_default();
            if status == 0 {
                responses.none += 1;
                return;
            }
            responses.count += 1;
            responses.unavailable += u64::from(status == 503);
            responses.slowest = responses.slowest.max(took);
            if took > RESPONSE_LIMIT {
                responses.late += 1;
                if measured.late.len() < DESCRIBED {
                    let fault = fault.map_or("no fault", Kind::name);
                    let late = format!("{at:.1?}: {what}: {status} after {took:.1?} ({fault})");
                    measured.late.push(late);
                }
            }
        });
    }

    /// Notes a response that no fault excuses.
    pub fn violation(&self, what: &str) {
        let at = self.elapsed();
        self.change(|current, measured| {
            measured.violation_count += 1;
            if measured.violations.len() < DESCRIBED {
                let fault = current.map_or("no fault", Kind::name);
                measured
                    .violations
                    .push(format!("{at:.1?}: {what} ({fault})"));
            }
        });
    }

    /// What was measured so far.
    pub fn measured(&self) -> Measured {
        self.change(|_, measured| measured.clone())
    }

    fn elapsed(&self) -> Duration {
        let mut begun = self.begun.lock().expect("a healthy lock");
        begun.get_or_insert_with(Instant::now).elapsed()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Option<Kind>, &mut Measured) -> T) -> T {
        let mut state = self.state.lock().expect("a healthy lock");
        let (current, measured) = &mut *state;
        change(current, measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_belongs_to_the_fault_that_it_meets() {
        let meter = Meter::default();
        meter.request(None, 200, Duration::from_millis(1), "GET /");
        meter.begin(Kind::RedisKilled);
        // Begun before the fault.
        meter.request(None, 503, Duration::from_secs(3), "GET /");
        meter.request(Some(Kind::RedisKilled), 0, Duration::ZERO, "GET /");
        meter.end(Duration::from_millis(20));
        let measured = meter.measured();
        let fault = &measured.responses[&Some(Kind::RedisKilled)];
        assert_eq!((fault.count, fault.unavailable, fault.none), (1, 1, 1));
        assert_eq!((fault.late, measured.late.len()), (1, 1));
        assert_eq!(measured.responses[&None].count, 1);
        assert_eq!(measured.recoveries[&Kind::RedisKilled].len(), 1);
    }
}
