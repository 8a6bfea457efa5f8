//! Time after a load until a target serves again as if there had been none.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::closed;
use crate::window::Window;
use crate::workload::{Traffic, Workload};

/// Connections of the client that watches.
pub const CONNECTIONS: usize = 32;
/// Duration of the watch.
const WATCH: Duration = Duration::from_secs(3);
/// Duration for which every request has to be normal.
const CALM: Duration = Duration::from_millis(500);

/// Returns the time from `end` until reads get a 2xx within `normal` for half a second; `None` when
/// they do not within three seconds.
pub async fn watch(
    traffic: &Arc<Traffic>,
    connections: Vec<Connection>,
    end: Instant,
    normal: Duration,
) -> Option<Duration> {
    let window = Window {
        from: end,
        until: end + WATCH,
    };
    let (mut timed, _connections) = closed::run(traffic, Workload::Get, connections, window).await;
    timed.sort_by_key(|(moment, _)| *moment);
    let events = timed.iter().map(|(moment, sample)| {
        let is_well = sample.is_good() && sample.service <= normal;
        (moment.saturating_duration_since(end), is_well)
    });
    recovered(events, WATCH)
}

/// Returns the moment at which half a second of normal events begins. Time without events does not
/// count, so it has to begin with one.
fn recovered(
    events: impl Iterator<Item = (Duration, bool)>,
    watched: Duration,
) -> Option<Duration> {
    let mut calm_since = None;
    for (moment, is_well) in events {
        match (is_well, calm_since) {
            (false, _) => calm_since = None,
            (true, None) => calm_since = Some(moment),
            (true, Some(since)) if moment - since >= CALM => return Some(since),
            (true, Some(_)) => {}
        }
    }
    calm_since.filter(|since| watched.saturating_sub(*since) >= CALM)
}

/// Returns the longest normal time of a target, given the p99 of reads over the same connections
/// without other load: three times that, and at least 50 ms, so that a hiccup of the machine does not
/// count.
pub fn normal(p99_ms: f64) -> Duration {
    Duration::from_secs_f64((p99_ms * 3.0).max(50.0) / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{normal, recovered};

    fn at(events: &[(u64, bool)]) -> Option<u64> {
        let events = events
            .iter()
            .map(|(at, well)| (Duration::from_millis(*at), *well));
        let found = recovered(events, Duration::from_secs(5))?;
        u64::try_from(found.as_millis()).ok()
    }

    #[test]
    fn recovery_is_the_start_of_a_lasting_calm() {
        assert_eq!(at(&[(1, true), (300, true), (600, true)]), Some(1));
        assert_eq!(
            at(&[(1, true), (300, false), (310, true), (900, true)]),
            Some(310)
        );
        assert_eq!(at(&[(1, true), (4_800, false), (4_900, true)]), None);
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn the_normal_latency_has_a_lower_bound() {
        assert_eq!(normal(2.0), Duration::from_millis(50));
        assert_eq!(normal(40.0), Duration::from_millis(120));
    }
}
