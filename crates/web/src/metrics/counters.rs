//! Counts of one instance: responses by method, route and status, and their durations by route.
//!
//! No label comes from a client: routes are the router's templates, and an unmatched route or an unusual
//! method counts as [`OTHER`].

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};

/// Label of an unmatched route and of an unusual method.
pub(super) const OTHER: &str = "other";

/// Upper bounds of the histogram's buckets in microseconds, from a cache hit to the longest deadline.
pub(super) const BOUNDS: [u64; 11] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
];

/// Maximum number of routes, more than any router has; the rest count as [`OTHER`].
const MAX_ROUTES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Counts {
    routes: BTreeMap<String, Route>,
}

#[derive(Debug, Default)]
struct Route {
    answers: BTreeMap<(&'static str, u16), u64>,
    /// Counts by upper bound; each response is in one bucket.
    buckets: BTreeMap<Option<u64>, u64>,
    micros: u64,
}

impl Counts {
    pub(super) fn add(
        &mut self,
        method: &Method,
        route: Option<&str>,
        status: StatusCode,
        latency: Option<Duration>,
    ) {
        let route = self.route(route.unwrap_or(OTHER));
        let answer = (method_label(method), status.as_u16());
        add(route.answers.entry(answer).or_default(), 1);
        let Some(latency) = latency else {
            return;
        };
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let bound = BOUNDS.into_iter().find(|bound| micros <= *bound);
        add(route.buckets.entry(bound).or_default(), 1);
        add(&mut route.micros, micros);
    }

    fn route(&mut self, name: &str) -> &mut Route {
        let is_known = self.routes.contains_key(name);
        let name = match is_known || self.routes.len() < MAX_ROUTES {
            true => name,
            false => OTHER,
        };
        self.routes.entry(name.to_owned()).or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Takes all counts, as fields of the hash in Redis.
    pub(super) fn take(&mut self) -> Vec<(String, u64)> {
        let mut fields = Vec::new();
        for (name, route) in std::mem::take(&mut self.routes) {
            for ((method, status), count) in route.answers {
                fields.push((format!("requests {method} {name} {status}"), count));
            }
            for (bound, count) in route.buckets {
                let bound = bound.map_or_else(|| "inf".to_owned(), |bound| bound.to_string());
                fields.push((format!("bucket {name} {bound}"), count));
            }
            fields.push((format!("micros {name}"), route.micros));
        }
        fields
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

fn method_label(method: &Method) -> &'static str {
    const USUAL: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    USUAL
        .into_iter()
        .find(|usual| *usual == method.as_str())
        .unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "/api/v1/users/{id}";

    fn add(counts: &mut Counts, method: &str, route: Option<&str>, status: u16, micros: u64) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        counts.add(&method, route, status, Some(Duration::from_micros(micros)));
    }

    fn taken(counts: &mut Counts) -> Vec<(String, u64)> {
        let mut fields = counts.take();
        fields.sort();
        fields
    }

    #[test]
    fn responses_are_counted_by_method_route_and_status() {
        let mut counts = Counts::default();
        add(&mut counts, "GET", Some(USER), 200, 1_000);
        add(&mut counts, "GET", Some(USER), 200, 1_001);
        add(&mut counts, "PATCH", Some(USER), 412, 9_000_000);
        let expected = [
            ("bucket /api/v1/users/{id} 1000", 1),
            ("bucket /api/v1/users/{id} 2500", 1),
            ("bucket /api/v1/users/{id} inf", 1),
            ("micros /api/v1/users/{id}", 9_002_001),
            ("requests GET /api/v1/users/{id} 200", 2),
            ("requests PATCH /api/v1/users/{id} 412", 1),
        ];
        assert_eq!(
            taken(&mut counts),
            expected.map(|(name, count)| (name.to_owned(), count))
        );
        assert!(counts.is_empty() && counts.take().is_empty());
    }

    #[test]
    fn unknown_methods_and_routes_share_one_series() {
        let mut counts = Counts::default();
        for n in 0..100 {
            add(&mut counts, &format!("BREW{n}"), None, 404, 1);
        }
        add(&mut counts, "get", None, 404, 1);
        let expected = [
            ("bucket other 1000", 101),
            ("micros other", 101),
            ("requests other other 404", 101),
        ];
        assert_eq!(
            taken(&mut counts),
            expected.map(|(name, count)| (name.to_owned(), count))
        );
    }

    #[test]
    fn routes_are_bounded_and_no_request_is_lost() {
        let mut counts = Counts::default();
        for n in 0..1_000 {
            add(&mut counts, "GET", Some(&format!("/{n}")), 200, 1);
        }
        let fields = counts.take();
        assert!(fields.len() <= 3 * (MAX_ROUTES + 1), "{}", fields.len());
        let requests = fields.iter().filter(|(name, _)| name.starts_with("req"));
        assert_eq!(requests.map(|(_, count)| count).sum::<u64>(), 1_000);
    }
}
