//! Report of a soak run.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::load::Counted;
use super::samples::Sample;

/// Maximum number of failures that are described.
const EXAMPLES: usize = 20;
/// Maximum drift of memory: this share of the first value, and the memory of one password hash in KiB. The number of
/// instances that have hashed and still live differs between samples. In half an hour at 1,200 requests per second, a
/// leak of 20 bytes per request exceeds it.
const MEMORY_DRIFT: f64 = 0.05;
const HASH_KIB: f64 = 19_456.0;
/// Maximum drift of descriptors: samples differ by requests in flight. A leak of one in a thousand
/// requests exceeds it within a minute.
const DESCRIPTORS: f64 = 16.0;

/// Results of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Requests per second.
    pub peak: u64,
    pub rate: u64,
    pub requests: u64,
    /// Logins that found no free hash slot and were rejected with Retry-After.
    pub busy: u64,
    pub failures: BTreeMap<u16, u64>,
    pub examples: Vec<String>,
    /// Milliseconds from the time that a request was due.
    pub latency_median: u32,
    pub latency_p99: u32,
    pub latency_longest: u32,
    pub drifts: Vec<Drift>,
    pub samples: Vec<Sample>,
}

/// Medians of the first and of the last fifth of the samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    pub name: &'static str,
    pub first: f64,
    pub last: f64,
}

impl Drift {
    fn of(name: &'static str, samples: &[Sample], value: impl Fn(&Sample) -> u64) -> Self {
        let values: Vec<_> = samples.iter().map(value).collect();
        let fifth = values.len().div_ceil(5);
        let (first, last) = (values.get(..fifth), values.get(values.len() - fifth..));
        Self {
            name,
            first: median(first.unwrap_or_default()),
            last: median(last.unwrap_or_default()),
        }
    }

    fn percent(&self) -> f64 {
        match self.first {
            0.0 => 0.0,
            first => (self.last - first) / first * 100.0,
        }
    }
}

fn median(values: &[u64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    let middle = values.get(values.len() / 2).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let middle = middle as f64;
    middle
}

impl Report {
    pub(super) fn new(
        peak: u64,
        rate: u64,
        before: &[Counted],
        steady: &Counted,
        samples: Vec<Sample>,
    ) -> Self {
        let all = || before.iter().chain([steady]);
        let mut failures = BTreeMap::new();
        for (status, count) in all().flat_map(|counted| &counted.failures) {
            *failures.entry(*status).or_default() += count;
        }
        let at = |share: usize| {
            let last = steady.latencies.len().saturating_sub(1);
            steady
                .latencies
                .get(last * share / 100)
                .copied()
                .unwrap_or_default()
        };
        let examples = all().flat_map(|counted| &counted.examples).cloned();
        Self {
            peak,
            rate,
            requests: steady.completed,
            busy: steady.busy,
            failures,
            examples: examples.take(EXAMPLES).collect(),
            latency_median: at(50),
            latency_p99: at(99),
            latency_longest: at(100),
            drifts: vec![
                Drift::of("memory, KiB", &samples, |sample| sample.memory_kib),
                Drift::of("descriptors", &samples, |sample| sample.descriptors),
                Drift::of("threads", &samples, |sample| sample.threads),
                Drift::of("Postgres connections", &samples, |sample| {
                    sample.postgres_connections
                }),
                Drift::of("Redis clients", &samples, |sample| sample.redis_clients),
            ],
            samples,
        }
    }

    /// Returns the faults of the run; empty if there were none.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.failures.is_empty() {
            complaints.push(format!("requests failed, by status: {:?}", self.failures));
        }
        for drift in &self.drifts {
            let (memory, descriptors) = (
                drift.last - drift.first > drift.first * MEMORY_DRIFT + HASH_KIB,
                drift.last - drift.first > DESCRIPTORS,
            );
            let is_wrong = match drift.name {
                "memory, KiB" => memory,
                "descriptors" => descriptors,
                _ => false,
            };
            if is_wrong {
                complaints.push(format!("{} grew by {:.1} %", drift.name, drift.percent()));
            }
        }
        complaints
    }

    /// Returns the report for people.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let minutes = self.samples.last().map_or(0, |sample| sample.seconds) / 60;
        writeln!(
            text,
            "# Soak\n\n{} requests in {minutes} minutes after the warm-up: {}/s, 80 % of a measured peak of \
             {}/s. Latency since the due time of each request: median {} ms, p99 {} ms, longest {} ms. \
             {} logins found no hash slot.\n",
            self.requests,
            self.rate,
            self.peak,
            self.latency_median,
            self.latency_p99,
            self.latency_longest,
            self.busy
        )?;
        writeln!(
            text,
            "| | first fifth | last fifth | drift, % |\n|---|---|---|---|"
        )?;
        for drift in &self.drifts {
            let percent = drift.percent();
            writeln!(
                text,
                "| {} | {} | {} | {percent:+.1} |",
                drift.name, drift.first, drift.last
            )?;
        }
        for complaint in self.complaints() {
            writeln!(text, "\nFailed: {complaint}.")?;
        }
        for example in &self.examples {
            writeln!(text, "- {example}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(memory: impl Fn(u64) -> u64, descriptors: impl Fn(u64) -> u64) -> Report {
        let samples = (0..100).map(|at| Sample {
            seconds: at,
            memory_kib: memory(at),
            descriptors: descriptors(at),
            ..Sample::default()
        });
        let none = Counted::default();
        Report::new(1, 1, &[], &none, samples.collect())
    }

    #[test]
    fn stable_usage_passes() {
        let report = report(|at| 350_000 + at / 50 * 19_456, |at| 100 + at % 5);
        assert_eq!(report.complaints(), [""; 0]);
    }

    #[test]
    fn growing_memory_and_descriptors_are_reported() {
        assert_eq!(
            report(|at| 350_000 + 500 * at, |_| 100).complaints().len(),
            1
        );
        assert_eq!(report(|_| 350_000, |at| 100 + at).complaints().len(), 1);
    }

    #[test]
    fn a_failure_is_reported() {
        let failed = Counted {
            failures: BTreeMap::from([(503, 1)]),
            ..Counted::default()
        };
        let report = Report::new(1, 1, &[], &failed, Vec::new());
        assert_eq!(report.complaints().len(), 1);
    }
}
