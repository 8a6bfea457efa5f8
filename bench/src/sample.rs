//! Outcome of one request, and counts of many.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::report::data::{Quantiles, Refused};

/// Longer than a client waits.
const LONGEST_MICROS: u64 = 120_000_000;
/// A request that takes this long on an idle connection has met a delayed ACK (40 ms), not work.
const STALL: Duration = Duration::from_millis(35);

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// `None` when no response came.
    pub status: Option<u16>,
    pub has_retry_after: bool,
    /// Time from sending to the response's end.
    pub service: Duration,
    /// Time from the moment that the request was due to the response's end.
    pub response: Duration,
}

impl Sample {
    pub fn is_good(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Returns true if the request was rejected because of the load.
    pub fn is_refused(&self) -> bool {
        matches!(self.status, Some(429 | 503))
    }
}

/// Counts of samples.
pub struct Counted {
    pub statuses: BTreeMap<u16, u64>,
    pub lost: u64,
    pub good: u64,
    pub service: Quantiles,
    pub refused: Option<Refused>,
    pub stalled_share: f64,
}

impl Counted {
    pub fn new(samples: &[Sample]) -> Self {
        let mut statuses = BTreeMap::new();
        for status in samples.iter().filter_map(|sample| sample.status) {
            *statuses.entry(status).or_insert(0) += 1;
        }
        let answered: u64 = statuses.values().sum();
        let all = samples.iter().filter(|sample| sample.status.is_some());
        let stalled = all.clone().filter(|sample| sample.service >= STALL).count();
        Self {
            lost: samples.len() as u64 - answered,
            good: samples.iter().filter(|sample| sample.is_good()).count() as u64,
            service: Quantiles::of(&histogram(all.map(|sample| sample.service))),
            refused: refused(samples),
            stalled_share: stalled as f64 / (answered as f64).max(1.0),
            statuses,
        }
    }
}

fn refused(samples: &[Sample]) -> Option<Refused> {
    let refused = samples.iter().filter(|sample| sample.is_refused());
    let count = refused.clone().count() as u64;
    (count > 0).then(|| Refused {
        count,
        with_retry_after: refused
            .clone()
            .filter(|sample| sample.has_retry_after)
            .count() as u64,
        service: Quantiles::of(&histogram(refused.map(|sample| sample.service))),
    })
}

/// Returns a histogram with three significant digits.
pub fn histogram(times: impl IntoIterator<Item = Duration>) -> Histogram<u64> {
    // Constant bounds that are valid for the type.
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_MICROS, 3)
        .unwrap_or_else(|_| unreachable!("fixed bounds"));
    for time in times {
        histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
    histogram
}

/// Returns the quantiles that a closed loop would have seen if it had kept its usual pace while it
/// waited for a late response: hdrhistogram's correction, with the median as the pace.
pub fn corrected(samples: &[Sample]) -> Quantiles {
    let answered = samples.iter().filter(|sample| sample.status.is_some());
    let raw = histogram(answered.map(|sample| sample.service));
    Quantiles::of(&raw.clone_correct(raw.value_at_quantile(0.5).max(1)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Counted, Sample, corrected};

    fn sample(status: Option<u16>, millis: u64) -> Sample {
        Sample {
            status,
            has_retry_after: status == Some(503),
            service: Duration::from_millis(millis),
            response: Duration::from_millis(millis),
        }
    }

    #[test]
    fn samples_are_counted_by_outcome() {
        let counted = Counted::new(&[
            sample(Some(200), 1),
            sample(Some(201), 1),
            sample(Some(503), 2),
            sample(Some(429), 4),
            sample(Some(500), 40),
            sample(None, 9),
        ]);
        assert_eq!((counted.good, counted.lost), (2, 1));
        assert_eq!(counted.statuses.values().sum::<u64>(), 5);
        let refused = counted.refused.unwrap();
        assert_eq!((refused.count, refused.with_retry_after), (2, 1));
        assert!((counted.stalled_share - 0.2).abs() < 1e-9);
    }

    #[test]
    fn closed_loops_are_corrected_for_coordinated_omission() {
        let mut samples = vec![sample(Some(200), 1); 999];
        samples.push(sample(Some(200), 1_000));
        let raw = Counted::new(&samples).service;
        let corrected = corrected(&samples);
        assert!(raw.p99 < 2.0, "{raw:?}");
        assert!(corrected.p99 > 900.0, "{corrected:?}");
    }
}
