//! Measurements of clients during a fault: response times, statuses, and invalid responses.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::schedule::Kind;

/// Maximum time to a response, as a client measures it.
pub const RESPONSE_LIMIT: Duration = Duration::from_millis(2_500);
/// Interval at which this process records that it runs, and the longest permitted gap.
const BEAT: Duration = Duration::from_millis(20);
const STALL: Duration = Duration::from_millis(400);
/// Maximum number of exceptions of each kind that a report describes.
const DESCRIBED: usize = 40;

/// Responses during one kind of fault, including the recovery from it.
#[derive(Clone, Debug, Default)]
pub struct Responses {
    pub count: u64,
    pub unavailable: u64,
    /// Requests without a response: the connection was refused or broke.
    pub none: u64,
    pub slowest: Duration,
    pub late: u64,
}

/// All measurements.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// By fault; `None` is between faults.
    pub responses: BTreeMap<Option<Kind>, Responses>,
    pub recoveries: BTreeMap<Kind, Vec<Duration>>,
    /// Responses that no fault excuses: 500, stale reads, revoked tokens that are accepted.
    pub violations: Vec<String>,
    pub violation_count: u64,
    /// Responses after the limit.
    pub late: Vec<String>,
    /// Requests without a response while no host was stopped.
    pub broken: Vec<String>,
    pub broken_count: u64,
    /// Longest time of each kind of fault.
    pub lasted: BTreeMap<Kind, Duration>,
    /// Times for which this process did not run: the machine was busy, or the process was stopped.
    pub stalls: Vec<Duration>,
    /// Times after a thaw of Redis at which responses still showed an old state.
    pub outdated: Vec<Duration>,
}

/// Start of a measurement, and the fault at that time.
#[derive(Clone, Copy)]
pub struct Moment {
    fault: Option<Kind>,
    begun: Instant,
}

/// State shared by clients and the schedule.
pub struct Meter {
    state: Mutex<(Option<Kind>, Measured)>,
    begun: Instant,
    /// Last time that this process recorded that it runs, and the end of the last stall.
    beats: Mutex<(Instant, Option<Instant>)>,
    /// Last time that a frozen Redis resumed.
    thawed: Mutex<Option<Instant>>,
}

impl Default for Meter {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::default(),
            begun: now,
            beats: Mutex::new((now, None)),
            thawed: Mutex::default(),
        }
    }
}

impl Meter {
    /// Records, in an endless loop, when this process did not run: times across a stall say
    /// nothing about the app.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(BEAT).await;
            let (now, mut beats) = (Instant::now(), self.beats.lock().expect("a healthy lock"));
            let pause = now.duration_since(beats.0);
            beats.0 = now;
            if pause > STALL {
                beats.1 = Some(now);
                self.change(|_, measured| measured.stalls.push(pause));
            }
        }
    }

    fn has_stalled_since(&self, begun: Instant) -> bool {
        let (last, stalled) = *self.beats.lock().expect("a healthy lock");
        last.elapsed() > STALL || stalled.is_some_and(|end| end > begun)
    }

    /// Begins a fault.
    pub fn begin(&self, kind: Kind) -> Moment {
        self.change(|current, _| *current = Some(kind));
        self.now()
    }

    /// Records the duration of a fault until it was healed.
    pub fn healed(&self, begin: Moment) -> Moment {
        let (kind, lasted) = (begin.fault, begin.begun.elapsed());
        self.change(|_, measured| {
            if let Some(kind) = kind {
                let longest = measured.lasted.entry(kind).or_default();
                *longest = lasted.max(*longest);
            }
        });
        self.now()
    }

    /// Ends a fault that was healed at this moment, after the recovery.
    pub fn end(&self, healed: Moment) {
        let (recovery, is_stalled) = (healed.begun.elapsed(), self.has_stalled_since(healed.begun));
        if self.current().is_some_and(Kind::freezes_redis) {
            *self.thawed.lock().expect("a healthy lock") = Some(Instant::now());
        }
        self.change(|current, measured| {
            if let Some(kind) = current.take()
                && !is_stalled
            {
                measured.recoveries.entry(kind).or_default().push(recovery);
            }
        });
    }

    /// Returns the current fault.
    pub fn current(&self) -> Option<Kind> {
        self.change(|current, _| *current)
    }

    pub fn now(&self) -> Moment {
        Moment {
            fault: self.current(),
            begun: Instant::now(),
        }
    }

    /// Counts a request without a response.
    pub fn no_response(&self, begin: Moment, what: &str) {
        let (at, is_stalled) = (self.begun.elapsed(), self.has_stalled_since(begin.begun));
        self.change(|current, measured| {
            let faults = [begin.fault, *current];
            let fault = begin.fault.or(*current);
            measured.responses.entry(fault).or_default().none += 1;
            let is_expected = faults.into_iter().flatten().any(Kind::stops_hosts);
            if is_expected || is_stalled {
                return;
            }
            measured.broken_count += 1;
            if measured.broken.len() < DESCRIBED {
                let (fault, took) = (name(fault), begin.begun.elapsed());
                let what = format!("{at:.1?}: {what}, after {took:.1?} ({fault})");
                measured.broken.push(what);
            }
        });
    }

    /// Counts a response.
    pub fn response(&self, begin: Moment, status: u16, what: &str) {
        let (at, took) = (self.begun.elapsed(), begin.begun.elapsed());
        let is_stalled = self.has_stalled_since(begin.begun);
        self.change(|current, measured| {
            let fault = begin.fault.or(*current);
            let responses = measured.responses.entry(fault).or_default();
            responses.count += 1;
            responses.unavailable += u64::from(status == 503);
            if is_stalled {
                return;
            }
            responses.slowest = responses.slowest.max(took);
            if took > RESPONSE_LIMIT {
                responses.late += 1;
                if measured.late.len() < DESCRIBED {
                    let fault = name(fault);
                    let late = format!("{at:.1?}: {what}: {status} after {took:.1?} ({fault})");
                    measured.late.push(late);
                }
            }
        });
    }

    /// Records a response that no fault excuses.
    pub fn violation(&self, what: &str) {
        let at = self.begun.elapsed();
        self.change(|current, measured| {
            measured.violation_count += 1;
            if measured.violations.len() < DESCRIBED {
                let what = format!("{at:.1?}: {what} ({})", name(*current));
                measured.violations.push(what);
            }
        });
    }

    /// Returns true if Redis may still have the old state of changes made while it was frozen: by a
    /// fault, or by a stall of the machine or this process.
    pub fn may_be_outdated(&self, limit: Duration) -> bool {
        let thawed = *self.thawed.lock().expect("a healthy lock");
        let is_recent = thawed.is_some_and(|thawed| thawed.elapsed() < limit);
        let is_frozen = self.current().is_some_and(Kind::freezes_redis);
        let since = Instant::now().checked_sub(limit);
        is_frozen || is_recent || since.is_some_and(|since| self.has_stalled_since(since))
    }

    /// Records a response with an old state, and the time since the thaw.
    pub fn outdated(&self, time: Duration) {
        self.change(|_, measured| measured.outdated.push(time));
    }

    /// Returns the measurements so far.
    pub fn measured(&self) -> Measured {
        self.change(|_, measured| measured.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Option<Kind>, &mut Measured) -> T) -> T {
        let mut state = self.state.lock().expect("a healthy lock");
        let (current, measured) = &mut *state;
        change(current, measured)
    }
}

fn name(fault: Option<Kind>) -> &'static str {
    fault.map_or("no fault", Kind::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_attributed_to_an_overlapping_fault() {
        let meter = Meter::default();
        let before = meter.now();
        let begin = meter.begin(Kind::RedisKilled);
        meter.response(before, 503, "GET /");
        meter.no_response(begin, "GET /");
        meter.end(meter.healed(begin));
        meter.response(meter.now(), 200, "GET /");
        let measured = meter.measured();
        let fault = &measured.responses[&Some(Kind::RedisKilled)];
        assert_eq!((fault.count, fault.unavailable, fault.none), (1, 1, 1));
        assert_eq!(measured.broken.len(), 1);
        assert_eq!(measured.responses[&None].count, 1);
        assert_eq!(measured.recoveries[&Kind::RedisKilled].len(), 1);
    }

    #[test]
    fn a_late_response_is_reported_unless_this_process_stalled() {
        let meter = Meter::default();
        let begin = Moment {
            fault: None,
            begun: Instant::now().checked_sub(2 * RESPONSE_LIMIT).unwrap(),
        };
        meter.response(begin, 200, "GET /");
        assert_eq!(meter.measured().late.len(), 1);
        meter.beats.lock().unwrap().1 = Some(Instant::now());
        meter.response(begin, 200, "GET /");
        assert_eq!(meter.measured().late.len(), 1);
    }

    #[test]
    fn a_killed_host_may_drop_earlier_requests() {
        let meter = Meter::default();
        let begin = meter.begin(Kind::RedisKilled);
        meter.begin(Kind::HostKilled);
        meter.no_response(begin, "GET /");
        assert_eq!(meter.measured().broken_count, 0);
    }
}
