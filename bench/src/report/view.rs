//! Queries on a report: medians over the rounds, and targets by role.

use crate::report::data::{Load, Measured, Report, Role, Series, Spread, Target};
use crate::statistics::spread;

impl Report {
    /// Returns the series of a workload on a target under a load.
    pub fn find(&self, target: &str, workload: &str, load: Load) -> Option<&Series> {
        self.series.iter().find(|series| {
            series.target == target && series.workload == workload && series.load == load
        })
    }

    /// Returns the closed loops of a workload on a target, by number of connections.
    pub fn closed(&self, target: &str, workload: &str) -> Vec<(usize, &Series)> {
        let all = self.series.iter().filter_map(|series| match series.load {
            Load::Closed { connections } => Some((connections, series)),
            Load::Open { .. } => None,
        });
        let mut found: Vec<_> = all
            .filter(|(_, series)| series.target == target && series.workload == workload)
            .collect();
        found.sort_by_key(|(connections, _)| *connections);
        found
    }

    /// Returns 2xx per second of the best closed loop.
    pub fn peak(&self, target: &str, workload: &str) -> Option<f64> {
        let loops = self.closed(target, workload).into_iter();
        loops
            .map(|(_, series)| series.good().median)
            .max_by(f64::total_cmp)
    }

    pub fn role(&self, role: Role) -> impl Iterator<Item = &Target> {
        self.targets
            .iter()
            .filter(move |target| target.role == role)
    }

    /// Returns the smallest component on the same host.
    pub fn floor_of(&self, target: &Target) -> Option<&Target> {
        self.role(Role::Floor)
            .find(|floor| floor.host == target.host)
    }

    /// Returns the measured workloads and loads, each once, in the order of the first target.
    pub fn measured(&self) -> Vec<(&str, Load)> {
        let mut found = Vec::new();
        for series in &self.series {
            let entry = (series.workload.as_str(), series.load);
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
        found
    }
}

impl Series {
    /// Returns a figure of each round, as a spread.
    pub fn over(&self, figure: impl Fn(&Measured) -> f64) -> Spread {
        spread(self.rounds.iter().map(figure))
    }

    /// Returns 2xx per second.
    pub fn good(&self) -> Spread {
        self.over(|measured| measured.good_per_second)
    }

    /// Returns the requests of all rounds without a 2xx, except rejections.
    pub fn failed(&self) -> u64 {
        let of = |measured: &Measured| {
            let others = measured.statuses.iter();
            let others = others.filter(|(status, _)| !matches!(status, 200..300 | 429 | 503));
            others.map(|(_, count)| count).sum::<u64>() + measured.lost
        };
        self.rounds.iter().map(of).sum()
    }

    /// Returns the rejections of all rounds, and those of them with Retry-After.
    pub fn refused(&self) -> (u64, u64) {
        let all = self.rounds.iter().filter_map(|measured| measured.refused);
        all.fold((0, 0), |(count, with), refused| {
            (count + refused.count, with + refused.with_retry_after)
        })
    }
}
