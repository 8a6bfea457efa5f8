//! Health probes beside a load, as a cluster sends them: one per second, each over its own connection.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::client::Connection;
use crate::http::Request;
use crate::report::data::Probes;
use crate::window::sleep_until;
use crate::workload::{READY, Traffic};

const INTERVAL: Duration = Duration::from_secs(1);
/// A cluster treats a later response as a failure.
const LIMIT: Duration = Duration::from_secs(3);

/// Probes `live`, and `ready` if there is one, until `until`.
pub async fn probe_during(
    traffic: &Arc<Traffic>,
    has_ready: bool,
    until: Instant,
) -> BTreeMap<String, Probes> {
    let (live, ready) = tokio::join!(probe(traffic, &traffic.live, until), async {
        match has_ready {
            true => Some(probe(traffic, READY, until).await),
            false => None,
        }
    });
    let found = [("live", Some(live)), ("ready", ready)].into_iter();
    found
        .filter_map(|(name, probes)| Some((name.to_owned(), probes?)))
        .collect()
}

async fn probe(traffic: &Traffic, path: &str, until: Instant) -> Probes {
    let request = Request {
        method: "GET",
        path,
        authority: &traffic.authority,
        bearer: None,
        body: None,
    };
    let mut probes = Probes::default();
    loop {
        let begun = Instant::now();
        if begun >= until {
            return probes;
        }
        let mut connection = Connection::new(&traffic.authority);
        let reply = timeout(LIMIT, connection.request(&request)).await;
        let is_good = matches!(reply, Ok(Ok(reply)) if reply.status == 200);
        probes.sent += 1;
        probes.failed += u64::from(!is_good);
        // Includes connecting, which waits, too, while a host accepts no connection.
        let millis = begun.elapsed().as_secs_f64() * 1000.0;
        probes.worst_ms = probes.worst_ms.max(millis);
        sleep_until((begun + INTERVAL).min(until)).await;
    }
}
