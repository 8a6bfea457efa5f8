//! Findings of a run, as written to JSON.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Start of the run, RFC 3339.
    pub began: String,
    pub minutes: f64,
    pub commit: String,
    pub machine: Machine,
    /// Versions of the programs that took part.
    pub versions: BTreeMap<String, String>,
    pub profile: Profile,
    pub targets: Vec<Target>,
    pub skipped: Vec<Skipped>,
    pub series: Vec<Series>,
    pub scenarios: Vec<Scenario>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_mib: u64,
    pub kernel: String,
}

/// The extent of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Profile {
    pub seconds: f64,
    pub warm_up_seconds: f64,
    pub rounds: usize,
}

/// Role of a target in the comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The app.
    Roster,
    /// The smallest component on the same host.
    Floor,
    /// The same work in another framework.
    Peer,
}

/// Findings about a target, other than its speed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    pub name: String,
    pub role: Role,
    /// `embedded`, `spin`, `native` or `python`: a floor belongs to the app on the same host.
    pub host: String,
    /// Size of each file that is delivered, in bytes.
    pub shipped: BTreeMap<String, u64>,
    pub cold: Option<Cold>,
    pub memory: Option<Memory>,
}

/// Times of a start, in milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cold {
    /// Time from starting the process to its first 200.
    pub process: Spread,
    /// First request after a pause that ends idle instances, and the next one.
    pub instance: Option<Instance>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    pub pauses: usize,
    pub first: Quantiles,
    pub second: Quantiles,
}

/// PSS of the process tree in MiB: of a fresh process, then while it reads over more and more
/// connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    pub idle: f64,
    pub at: BTreeMap<usize, f64>,
    /// PSS a few seconds after the last connection.
    pub after: f64,
}

/// A measurement that was skipped, and the reason.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    pub what: String,
    pub reason: String,
}

/// Way of sending requests.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// Each connection sends its next request after the last response.
    Closed { connections: usize },
    /// Requests are due at a fixed rate, a percentage of the peak of the closed loops.
    Open { percent: u32 },
}

/// One workload on one target under one load, measured once per round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    pub target: String,
    pub workload: String,
    pub load: Load,
    pub rounds: Vec<Measured>,
}

/// One measurement.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// Responses of any status.
    pub per_second: f64,
    /// 2xx responses.
    pub good_per_second: f64,
    pub statuses: BTreeMap<u16, u64>,
    /// Requests without a response.
    pub lost: u64,
    /// Time from sending to the response's end, of all responses.
    pub service: Quantiles,
    /// Corrected for coordinated omission. Open loop: from the moment a request was due; of 2xx
    /// responses, and of requests that were never sent, with the time that they had waited.
    pub response: Quantiles,
    pub refused: Option<Refused>,
    /// Share of responses that took 35 ms or longer.
    pub stalled_share: f64,
    pub cpu: Cpu,
    /// PSS of the target at the end, with its connections open.
    pub pss_mib: Option<f64>,
    pub open: Option<Open>,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Quantiles {
    /// Returns the quantiles of a histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |share| histogram.value_at_quantile(share) as f64 / 1000.0;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1000.0,
        }
    }
}

/// Requests that were rejected: 503 and 429.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Refused {
    pub count: u64,
    pub with_retry_after: u64,
    pub service: Quantiles,
}

/// Seconds of CPU per second.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cpu {
    pub generator: f64,
    pub target: f64,
    /// CPU of everything on the machine.
    pub machine: f64,
}

/// Findings that only an open loop has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Open {
    /// Requests that were due, per second.
    pub rate: f64,
    /// Requests that were due, but not sent before the end because no connection was idle.
    pub unsent: u64,
    /// Delays caused by the generator, in milliseconds; part of `response`.
    pub late: Quantiles,
    pub probes: BTreeMap<String, Probes>,
    /// Time from the load's end until 32 connections are served as on an idle app.
    pub recovery_ms: Option<f64>,
}

/// Health probes beside the load, one per second, each over its own connection.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Probes {
    pub sent: u64,
    pub failed: u64,
    pub worst_ms: f64,
}

/// Median of a few values, with minimum and maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

/// A finding of a scenario, which has no series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    pub target: String,
    pub name: String,
    pub figures: BTreeMap<String, f64>,
}
