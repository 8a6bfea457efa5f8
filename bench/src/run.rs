//! Course of a run: targets side by side, in rounds, so that a temporary slowdown of the machine
//! affects all of them.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::measure::{self, OpenLoad, Times};
use crate::recovery;
use crate::report::data::{Load, Measured, Report, Role, Series, Skipped};
use crate::statistics::spread;
use crate::subject::Subject;
use crate::workload::Workload;
use crate::{cold, scenarios};

/// Rates of the open loops, in percent of the peak.
const OPEN: [u32; 4] = [50, 80, 120, 200];
/// Connections of an open loop.
const OPEN_CONNECTIONS: usize = 1024;
/// Closed loop whose p99 defines the normal time.
const NORMAL_CONNECTIONS: usize = 32;

/// Extent of a run.
#[derive(Clone, Debug)]
pub struct Options {
    pub workloads: Vec<Workload>,
    /// `None` when those of each workload apply.
    pub connections: Option<Vec<usize>>,
    pub times: Times,
    pub rounds: usize,
    pub is_open: bool,
    /// Starts per process, and pauses per instance.
    pub starts: usize,
    pub pauses: usize,
    /// Connections of the reads before memory is measured.
    pub weighed: Vec<usize>,
}

/// A run in progress.
pub struct Run {
    pub options: Options,
    pub subjects: Vec<Subject>,
    pub report: Report,
    series: BTreeMap<(Workload, Load, usize), Vec<Measured>>,
}

impl Run {
    pub fn new(options: Options, subjects: Vec<Subject>, report: Report) -> Self {
        Self {
            options,
            subjects,
            report,
            series: BTreeMap::new(),
        }
    }

    /// Measures everything.
    pub async fn finish(mut self) -> Result<Report> {
        if self.options.starts > 0 {
            cold::starts(&mut self).await;
            cold::memory(&mut self).await;
            cold::instances(&mut self).await;
        }
        for round in 0..self.options.rounds {
            for workload in self.options.workloads.clone() {
                if workload.is_load() {
                    self.closed_loops(round, workload).await;
                    if self.options.is_open && workload.is_open() {
                        self.open_loops(round, workload).await;
                    }
                }
            }
        }
        scenarios::run(&mut self).await;
        for ((workload, load, subject), rounds) in std::mem::take(&mut self.series) {
            self.report.series.push(Series {
                target: self.name(subject),
                workload: workload.name(),
                load,
                rounds,
            });
        }
        self.report.targets = self
            .subjects
            .into_iter()
            .map(|subject| subject.about)
            .collect();
        Ok(self.report)
    }

    /// Records once that something was not measured.
    pub fn skip(&mut self, what: &str, reason: impl std::fmt::Display) {
        let skipped = Skipped {
            what: what.to_owned(),
            reason: reason.to_string(),
        };
        if !self.report.skipped.contains(&skipped) {
            eprintln!("    skipped {what}: {}", skipped.reason);
            self.report.skipped.push(skipped);
        }
    }

    pub fn name(&self, subject: usize) -> String {
        let subject = self.subjects.get(subject);
        subject
            .map(|subject| subject.about.name.clone())
            .unwrap_or_default()
    }

    async fn closed_loops(&mut self, round: usize, workload: Workload) {
        let asked = self.options.connections.clone();
        let all = asked.unwrap_or_else(|| workload.connections().to_vec());
        for connections in all {
            let load = Load::Closed { connections };
            for subject in self.turn(round) {
                self.measure(round, workload, load, subject).await;
            }
        }
    }

    async fn open_loops(&mut self, round: usize, workload: Workload) {
        for percent in OPEN {
            for subject in self.turn(round) {
                let is_floor = self
                    .subjects
                    .get(subject)
                    .is_none_or(|subject| subject.about.role == Role::Floor);
                if !is_floor {
                    let load = Load::Open { percent };
                    self.measure(round, workload, load, subject).await;
                }
            }
        }
    }

    /// Returns the order of the targets, which alternates, so that none profits from its place.
    fn turn(&self, round: usize) -> Vec<usize> {
        let order = 0..self.subjects.len();
        match round % 2 {
            0 => order.collect(),
            _ => order.rev().collect(),
        }
    }

    async fn measure(&mut self, round: usize, workload: Workload, load: Load, subject: usize) {
        match self.try_measure(workload, load, subject).await {
            Ok(Some(measured)) => {
                let words = crate::report::words::load(load);
                eprintln!(
                    "    {}/{} {} {words}: {} {:.0}/s, p99 {:.1} ms{}",
                    round + 1,
                    self.options.rounds,
                    workload.name(),
                    self.name(subject),
                    measured.good_per_second,
                    measured.service.p99,
                    crate::report::words::failures(&measured),
                );
                let key = (workload, load, subject);
                self.series.entry(key).or_default().push(measured);
            }
            Ok(None) => {}
            Err(error) => {
                let what = format!("{} on {}", workload.name(), self.name(subject));
                self.skip(&what, format!("{error:#}"));
            }
        }
    }

    /// Returns `None` when the target does not have the workload.
    async fn try_measure(
        &mut self,
        workload: Workload,
        load: Load,
        number: usize,
    ) -> Result<Option<Measured>> {
        let (times, peak) = (self.options.times, self.peak(workload, number));
        let normal = recovery::normal(self.normal_p99(number));
        let Some(subject) = self.subjects.get_mut(number) else {
            return Ok(None);
        };
        if let Some(reason) = subject.unsupported_reason(workload) {
            if subject.about.role != Role::Floor {
                let what = format!("{} on {}", workload.name(), subject.about.name);
                self.skip(&what, reason);
            }
            return Ok(None);
        }
        let (traffic, root) = subject.prepare(workload).await?;
        Ok(match load {
            Load::Closed { connections } => {
                Some(measure::closed(&traffic, workload, connections, times, root).await)
            }
            Load::Open { percent } => {
                let load = OpenLoad {
                    per_second: peak * f64::from(percent) / 100.0,
                    connections: OPEN_CONNECTIONS,
                    normal,
                    has_ready: true,
                };
                Some(measure::open(&traffic, workload, load, times, root).await)
            }
        })
    }

    /// Returns the peak of a target's closed loops in the first round: later rounds send at the same
    /// rates.
    fn peak(&self, workload: Workload, subject: usize) -> f64 {
        let of_first = self
            .closed(workload, subject)
            .filter_map(|(_, rounds)| rounds.first());
        of_first
            .map(|measured| measured.good_per_second)
            .fold(0.0, f64::max)
    }

    /// Returns the p99 of reads over 32 connections, or else of the first reads that were measured.
    fn normal_p99(&self, subject: usize) -> f64 {
        let reads = || self.closed(Workload::Get, subject);
        let usual = reads().find(|(connections, _)| *connections == NORMAL_CONNECTIONS);
        let (_, rounds) = match usual.or_else(|| reads().next()) {
            Some(found) => found,
            None => return 0.0,
        };
        spread(rounds.iter().map(|measured| measured.service.p99)).median
    }

    fn closed(
        &self,
        workload: Workload,
        subject: usize,
    ) -> impl Iterator<Item = (usize, &Vec<Measured>)> {
        self.series
            .iter()
            .filter_map(move |((of, load, by), rounds)| match load {
                Load::Closed { connections } if (*of, *by) == (workload, subject) => {
                    Some((*connections, rounds))
                }
                _ => None,
            })
    }
}
