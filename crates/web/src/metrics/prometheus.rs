//! Rendering of the totals in the Prometheus text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt;

use accounts::metrics::Event;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use spin_pg_bindings::redis::Reply;
use strum::VariantArray;

use super::counters::BOUNDS;
use super::events::{field, metric};

/// Media type of the output of [`render`].
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// The totals, read from the fields of the hash.
#[derive(Debug, Default)]
struct Totals {
    /// Counts by route, method and status.
    requests: BTreeMap<(String, String, u16), u64>,
    durations: BTreeMap<String, Histogram>,
    /// Counts by field.
    events: BTreeMap<String, u64>,
    version: String,
}

#[derive(Debug, Default)]
struct Histogram {
    /// Counts by upper bound in microseconds; each response is in one bucket.
    buckets: BTreeMap<u64, u64>,
    micros: u64,
}

/// Renders `hash`, the reply of HGETALL with alternating names and values. Unknown fields are left out: a
/// later version may have added them.
pub fn render(hash: &[Reply], version: &str) -> String {
    let mut totals = Totals {
        version: version.to_owned(),
        ..Totals::default()
    };
    for pair in hash.chunks_exact(2) {
        if let [Reply::Bytes(name), Reply::Bytes(value)] = pair
            && let (Ok(name), Ok(value)) = (str::from_utf8(name), str::from_utf8(value))
            && let Ok(value) = value.parse()
        {
            // `None` is an unknown field.
            let _ = totals.read(name, value);
        }
    }
    let mut registry = Registry::default();
    registry.register_collector(Box::new(totals));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

impl Totals {
    fn read(&mut self, name: &str, value: u64) -> Option<()> {
        let (kind, rest) = name.split_once(' ')?;
        match kind {
            "requests" => {
                let (method, rest) = rest.split_once(' ')?;
                let (route, status) = rest.rsplit_once(' ')?;
                let request = (route.to_owned(), method.to_owned(), status.parse().ok()?);
                self.requests.insert(request, value);
            }
            "bucket" => {
                let (route, bound) = rest.rsplit_once(' ')?;
                let bound = match bound {
                    "inf" => u64::MAX,
                    bound => bound.parse().ok()?,
                };
                let histogram = self.durations.entry(route.to_owned()).or_default();
                histogram.buckets.insert(bound, value);
            }
            "micros" => self.durations.entry(rest.to_owned()).or_default().micros = value,
            "event" => {
                self.events.insert(name.to_owned(), value);
            }
            _ => return None,
        }
        Some(())
    }
}

impl Collector for Totals {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let help = "Completed requests by method, route and status.";
        let mut family = counters(&mut encoder, "http_requests_total", help)?;
        for ((route, method, status), count) in &self.requests {
            let status = status.to_string();
            let labels = [("method", method), ("route", route), ("status", &status)];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }

        let name = "http_request_duration_seconds";
        let help = "Time from the arrival of a request to the head of its response, by route.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (route, histogram) in &self.durations {
            histogram.encode(family.encode_family(&[("route", route)])?)?;
        }

        for events in Event::VARIANTS.chunk_by(|a, b| metric(*a).name == metric(*b).name) {
            let Some(first) = events.first().map(|event| metric(*event)) else {
                continue;
            };
            let mut family = counters(&mut encoder, first.name, first.help)?;
            for event in events {
                let count = self.events.get(&field(*event)).copied().unwrap_or(0);
                let outcome = metric(*event).outcome.map(|value| ("outcome", value));
                ConstCounter::new(count).encode(family.encode_family(&outcome.as_slice())?)?;
            }
        }

        let name = "roster_build_info";
        let help = "Version of the instance that responded to the scrape.";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let labels = [("version", &self.version)];
        ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)
    }
}

/// Begins a family of counters. The encoder itself appends `_total`.
fn counters<'e>(
    encoder: &'e mut DescriptorEncoder<'_>,
    name: &'e str,
    help: &str,
) -> Result<MetricEncoder<'e>, fmt::Error> {
    let name = name.strip_suffix("_total").unwrap_or(name);
    encoder.encode_descriptor(name, help, None, MetricType::Counter)
}

impl Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let mut from = 0;
        let buckets = BOUNDS.map(|bound| {
            // Buckets with the bounds of another version count where they fit.
            let count: u64 = self.buckets.range(from..=bound).map(|(_, n)| n).sum();
            from = bound + 1;
            (bound as f64 / 1e6, count)
        });
        let all = self.buckets.values().sum();
        encoder.encode_histogram::<NoLabelSet>(self.micros as f64 / 1e6, all, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn rendered(fields: &[(&str, &str)]) -> String {
        let bytes = |text: &str| Reply::Bytes(text.as_bytes().to_vec());
        let pairs = fields
            .iter()
            .flat_map(|(name, value)| [bytes(name), bytes(value)]);
        render(&pairs.collect::<Vec<_>>(), "1.2.3")
    }

    fn series<'a>(text: &'a str, family: &str) -> Vec<&'a str> {
        text.lines()
            .filter(|line| line.starts_with(family))
            .collect()
    }

    #[test]
    fn events_without_counts_are_zero() {
        let text = rendered(&[]);
        assert!(text.contains("\nroster_logins_total{outcome=\"failed\"} 0\n"));
        assert!(text.ends_with("\nroster_build_info{version=\"1.2.3\"} 1\n"));
        assert!(text.contains("\n# TYPE roster_logins_total counter\n"));
        let lines: HashSet<_> = text.lines().collect();
        assert_eq!(lines.len(), text.lines().count(), "{text}");
        assert_eq!(series(&text, "http_"), [""; 0]);
    }

    #[test]
    fn requests_and_events_are_lines() {
        let text = rendered(&[
            ("requests GET /a/{id} 200", "7"),
            ("requests other other 405", "3"),
            ("event roster_cache_lookups_total{outcome=\"hit\"}", "5"),
        ]);
        assert_eq!(
            series(&text, "http_"),
            [
                "http_requests_total{method=\"GET\",route=\"/a/{id}\",status=\"200\"} 7",
                "http_requests_total{method=\"other\",route=\"other\",status=\"405\"} 3",
            ]
        );
        assert!(text.contains("\nroster_cache_lookups_total{outcome=\"hit\"} 5\n"));
    }

    #[test]
    fn buckets_are_cumulative_and_unknown_bounds_are_merged() {
        let text = rendered(&[
            ("bucket /a 1000", "1"),
            ("bucket /a 3000", "10"),
            ("bucket /a 5000", "100"),
            ("bucket /a inf", "1000"),
            ("micros /a", "61000007"),
        ]);
        let line = |rest: &str| text.contains(&format!("\nhttp_request_duration_seconds{rest}\n"));
        for (le, count) in [("0.001", 1), ("0.0025", 1), ("0.005", 111), ("2.5", 111)] {
            assert!(
                line(&format!("_bucket{{route=\"/a\",le=\"{le}\"}} {count}")),
                "{text}"
            );
        }
        assert!(line("_bucket{route=\"/a\",le=\"+Inf\"} 1111"), "{text}");
        assert!(line("_sum{route=\"/a\"} 61.000007"), "{text}");
        assert!(line("_count{route=\"/a\"} 1111"), "{text}");
    }

    #[test]
    fn labels_are_escaped_and_unknown_fields_are_omitted() {
        let text = rendered(&[("requests GET a\"b\\c\nd 200", "1")]);
        assert!(text.contains("route=\"a\\\"b\\\\c\\nd\""), "{text}");
        let nothing = rendered(&[]);
        let strange = [
            ("requests GET 200", "1"),
            ("requests GET /a ok", "1"),
            ("requests GET /a 200", "many"),
            ("bucket /a wide", "1"),
            ("gauge /a", "1"),
            ("", "1"),
        ];
        assert_eq!(rendered(&strange), nothing);
        assert_eq!(render(&[Reply::Nil, Reply::Int(1)], "1.2.3"), nothing);
        assert_eq!(render(&[Reply::Nil], "1.2.3"), nothing);
    }
}
