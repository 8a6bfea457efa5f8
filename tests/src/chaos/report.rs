//! Report of a run: JSON for programs, Markdown for people.

mod markdown;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::Plan;
use super::log::Operation;
use super::meter::{Measured, Responses};
use super::oracle::{Expectations, Tally};
use super::schedule::Kind;

/// Maximum recovery time for a run in time.
const RECOVERY_LIMIT: Duration = Duration::from_secs(5);

/// Results of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub commit: String,
    pub seed: u64,
    pub clients: usize,
    pub seconds: u64,
    pub durability: String,
    pub kills: u64,
    pub acknowledged: u64,
    /// Number of tokens that were tried again after the faults.
    pub tokens: usize,
    #[serde(rename = "deeds")]
    pub operations: BTreeMap<Operation, Tally>,
    pub faults: BTreeMap<Kind, Fault>,
    /// Responses between the faults.
    pub calm: Fault,
    pub violation_count: u64,
    /// Responses that no fault excuses: 500, stale reads, revoked tokens that are accepted.
    pub violations: Vec<String>,
    pub findings: Vec<String>,
    /// Responses after the limit.
    pub late: Vec<String>,
    /// Requests without a response while no host was stopped.
    pub broken_count: u64,
    pub broken: Vec<String>,
    /// Times for which the run itself stalled, in milliseconds; measurements across a stall do not count.
    pub stalls: Vec<u128>,
    /// Number of responses with the old state of changes made while Redis was frozen, and the longest
    /// time in milliseconds.
    pub outdated: (usize, u128),
    pub skipped: BTreeMap<Kind, String>,
}

/// Figures of one kind of fault. Times are in milliseconds.
#[derive(Debug, Default, Serialize)]
pub struct Fault {
    pub count: u64,
    /// Longest time until it was healed.
    pub lasted: u128,
    pub responses: u64,
    pub unavailable: u64,
    pub no_response: u64,
    pub slowest: u128,
    pub late: u64,
    pub recovery_median: u128,
    pub recovery_longest: u128,
    #[serde(skip)]
    recoveries: Vec<Duration>,
}

impl Fault {
    fn add(&mut self, responses: &Responses) {
        self.responses += responses.count;
        self.unavailable += responses.unavailable;
        self.no_response += responses.none;
        self.slowest = self.slowest.max(responses.slowest.as_millis());
        self.late += responses.late;
    }

    fn add_recoveries(&mut self, recoveries: &[Duration]) {
        self.recoveries.extend(recoveries);
        self.recoveries.sort();
        let median = self.recoveries.get(self.recoveries.len() / 2);
        self.recovery_median = median.map_or(0, Duration::as_millis);
        self.recovery_longest = self.recoveries.last().map_or(0, Duration::as_millis);
    }
}

impl Report {
    pub fn new(plan: &Plan) -> Self {
        Self {
            commit: std::env::var("ROSTER_COMMIT").unwrap_or_else(|_| "unknown".to_owned()),
            seed: plan.seed,
            clients: plan.clients,
            seconds: 0,
            durability: String::new(),
            kills: 0,
            acknowledged: 0,
            tokens: 0,
            operations: BTreeMap::new(),
            faults: BTreeMap::new(),
            calm: Fault::default(),
            violation_count: 0,
            violations: Vec::new(),
            findings: Vec::new(),
            late: Vec::new(),
            broken_count: 0,
            broken: Vec::new(),
            stalls: Vec::new(),
            outdated: (0, 0),
            skipped: BTreeMap::new(),
        }
    }

    /// Returns true if nothing is lost, phantom or duplicate, and there was no violation.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.violation_count == 0
    }

    /// Returns true if every response was also in time and every recovery short.
    pub fn is_in_time(&self) -> bool {
        let faults = || self.faults.values();
        faults().all(|fault| fault.late == 0)
            && faults().all(|fault| fault.recovery_longest <= RECOVERY_LIMIT.as_millis())
    }

    pub(super) fn skip(&mut self, kind: Kind, why: &str) {
        self.skipped.insert(kind, why.to_owned());
    }

    pub(super) fn add_time(&mut self, time: Duration) {
        self.seconds += time.as_secs();
    }

    pub(super) fn add_fault(&mut self, kind: Kind) {
        self.faults.entry(kind).or_default().count += 1;
        self.kills += u64::from(kind.is_kill());
    }

    pub(super) fn add_findings(&mut self, expectations: &Expectations, findings: Vec<String>) {
        for (operation, tally) in &expectations.tallies {
            let sum = self.operations.entry(*operation).or_default();
            sum.acknowledged += tally.acknowledged;
            sum.failed += tally.failed;
            sum.resolved += tally.resolved;
            sum.unknown += tally.unknown;
            sum.lost += tally.lost;
            sum.phantom += tally.phantom;
            sum.duplicate += tally.duplicate;
        }
        let changes = self
            .operations
            .iter()
            .filter(|(operation, _)| **operation != Operation::Replay);
        self.acknowledged = changes.map(|(_, tally)| tally.acknowledged).sum();
        self.findings.extend(findings);
    }

    pub(super) fn add_measured(&mut self, measured: &Measured) {
        for (kind, responses) in &measured.responses {
            let fault = match kind {
                Some(kind) => self.faults.entry(*kind).or_default(),
                None => &mut self.calm,
            };
            fault.add(responses);
        }
        for (kind, recoveries) in &measured.recoveries {
            self.faults
                .entry(*kind)
                .or_default()
                .add_recoveries(recoveries);
        }
        self.violation_count += measured.violation_count;
        self.violations.extend(measured.violations.iter().cloned());
        self.late.extend(measured.late.iter().cloned());
        self.broken_count += measured.broken_count;
        self.broken.extend(measured.broken.iter().cloned());
        let stalls = measured.stalls.iter().map(Duration::as_millis);
        self.stalls.extend(stalls);
        for (kind, lasted) in &measured.lasted {
            let fault = self.faults.entry(*kind).or_default();
            fault.lasted = fault.lasted.max(lasted.as_millis());
        }
        let longest = measured
            .outdated
            .iter()
            .max()
            .map_or(0, Duration::as_millis);
        let (count, so_far) = self.outdated;
        self.outdated = (count + measured.outdated.len(), so_far.max(longest));
    }
}
