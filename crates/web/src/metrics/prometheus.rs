//! Rendering of the totals in the Prometheus text format, version 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write;

use accounts::metrics::Event;
use spin_pg_bindings::redis::Reply;

use super::counters::BOUNDS;

/// Media type of the output of [`render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const REQUESTS: &str = "http_requests_total";
const DURATION: &str = "http_request_duration_seconds";

/// The totals, read from the fields of the hash.
#[derive(Default)]
struct Totals<'a> {
    /// Counts by route, method and status.
    requests: BTreeMap<(&'a str, &'a str, u16), u64>,
    durations: BTreeMap<&'a str, Histogram>,
    /// Counts by family and labels.
    events: BTreeMap<&'a str, u64>,
}

#[derive(Default)]
struct Histogram {
    /// Counts by upper bound in microseconds; each response is in one bucket.
    buckets: BTreeMap<u64, u64>,
    micros: u64,
}

/// Renders `hash`, the reply of HGETALL with alternating names and values. Unknown fields are left out: a
/// later version may have added them.
pub fn render(hash: &[Reply], version: &str) -> String {
    let mut totals = Totals::default();
    for pair in hash.chunks_exact(2) {
        if let [Reply::Bytes(name), Reply::Bytes(value)] = pair
            && let (Ok(name), Ok(value)) = (str::from_utf8(name), str::from_utf8(value))
            && let Ok(value) = value.parse()
        {
            // `None` is an unknown field.
            let _ = totals.read(name, value);
        }
    }
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = totals.write(&mut text, version);
    text
}

impl<'a> Totals<'a> {
    fn read(&mut self, name: &'a str, value: u64) -> Option<()> {
        let (kind, rest) = name.split_once(' ')?;
        match kind {
            "requests" => {
                let (method, rest) = rest.split_once(' ')?;
                let (route, status) = rest.rsplit_once(' ')?;
                let status = status.parse().ok()?;
                self.requests.insert((route, method, status), value);
            }
            "bucket" => {
                let (route, bound) = rest.rsplit_once(' ')?;
                let bound = match bound {
                    "inf" => u64::MAX,
                    bound => bound.parse().ok()?,
                };
                let histogram = self.durations.entry(route).or_default();
                histogram.buckets.insert(bound, value);
            }
            "micros" => self.durations.entry(rest).or_default().micros = value,
            "event" => {
                self.events.insert(rest, value);
            }
            _ => return None,
        }
        Some(())
    }

    fn write(&self, out: &mut String, version: &str) -> std::fmt::Result {
        let help = "Completed requests by method, route and status.";
        family(out, REQUESTS, "counter", help)?;
        for ((route, method, status), count) in &self.requests {
            let (method, route) = (escaped(method), escaped(route));
            writeln!(
                out,
                "{REQUESTS}{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {count}"
            )?;
        }

        let help = "Time from the arrival of a request to the head of its response, by route.";
        family(out, DURATION, "histogram", help)?;
        for (route, histogram) in &self.durations {
            histogram.write(out, &escaped(route))?;
        }

        let mut last = "";
        for event in Event::ALL {
            let (name, labels) = (event.family(), event.labels());
            if name != last {
                family(out, name, "counter", event.help())?;
                last = name;
            }
            let count = self.events.get(&*format!("{name}{labels}")).unwrap_or(&0);
            writeln!(out, "{name}{labels} {count}")?;
        }

        let name = "roster_build_info";
        family(
            out,
            name,
            "gauge",
            "Version of the instance that responded to the scrape.",
        )?;
        writeln!(out, "{name}{{version=\"{}\"}} 1", escaped(version))
    }
}

impl Histogram {
    fn write(&self, out: &mut String, route: &str) -> std::fmt::Result {
        for (bound, label) in BOUNDS {
            // Buckets with the bounds of another version count where they fit.
            let within = self.buckets.range(..=bound).map(|(_, count)| count);
            let count: u64 = within.sum();
            writeln!(
                out,
                "{DURATION}_bucket{{route=\"{route}\",le=\"{label}\"}} {count}"
            )?;
        }
        let all: u64 = self.buckets.values().sum();
        let (whole, fraction) = (self.micros / 1_000_000, self.micros % 1_000_000);
        writeln!(
            out,
            "{DURATION}_bucket{{route=\"{route}\",le=\"+Inf\"}} {all}"
        )?;
        writeln!(
            out,
            "{DURATION}_sum{{route=\"{route}\"}} {whole}.{fraction:06}"
        )?;
        writeln!(out, "{DURATION}_count{{route=\"{route}\"}} {all}")
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Escapes a label's value.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(
            text.matches("# TYPE roster_logins_total counter").count(),
            1
        );
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
        let line = |rest: &str| text.contains(&format!("\n{DURATION}{rest}\n"));
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
