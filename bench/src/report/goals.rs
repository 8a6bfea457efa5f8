//! Goals of the app, checked against a report.

use crate::report::data::{Load, Report, Role, Series, Target};
use crate::report::words::{header, load, number, row};

/// Loop in which the app is compared with others.
const USUAL: Load = Load::Closed { connections: 32 };
const ONE: Load = Load::Closed { connections: 1 };
const READ: &str = "get";

/// A goal, and the measured value.
struct Goal {
    what: String,
    found: f64,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, found: f64) -> bool {
        match self {
            Self::AtLeast(bound) => found >= bound,
            Self::AtMost(bound) => found <= bound,
        }
    }
}

/// Returns a table of goals for each target that is the app; missing measurements are left out.
pub fn table(report: &Report) -> String {
    let mut rows = String::new();
    for app in report.role(Role::Roster) {
        let goals = [
            many_connections(report, app),
            others(report, app),
            overload(report, app),
            logins(report, app),
            costs(app),
        ];
        for goal in goals.into_iter().flatten() {
            let bound = match goal.bound {
                Bound::AtLeast(bound) => format!("at least {}", number(bound)),
                Bound::AtMost(bound) => format!("at most {}", number(bound)),
            };
            let met = if goal.bound.holds(goal.found) {
                "yes"
            } else {
                "**no**"
            };
            rows += &row([
                app.name.as_str(),
                &goal.what,
                &number(goal.found),
                &bound,
                met,
            ]);
        }
    }
    match rows.is_empty() {
        true => rows,
        false => format!(
            "## Goals\n{}{rows}",
            header(&["target", "goal", "found", "bound", "met"])
        ),
    }
}

fn goal(what: impl Into<String>, found: f64, bound: Bound) -> Goal {
    Goal {
        what: what.into(),
        found,
        bound,
    }
}

fn p99(series: &Series) -> f64 {
    series.over(|measured| measured.service.p99).median
}

/// Goals for reads over more connections than the app serves at once.
fn many_connections(report: &Report, app: &Target) -> Vec<Goal> {
    let peak = report.peak(&app.name, READ).unwrap_or_default();
    let mut goals = Vec::new();
    for (connections, series) in report.closed(&app.name, READ) {
        let refused = series.refused().0 + series.failed();
        let words = load(series.load);
        let what = format!("{READ}, {words}: requests without a 2xx");
        goals.push(goal(what, refused as f64, Bound::AtMost(0.0)));
        if connections < 256 {
            continue;
        }
        let rate = series.good().median;
        let what = format!("{READ}, {words}: share of the peak");
        goals.push(goal(what, rate / peak.max(1e-9), Bound::AtLeast(0.9)));
        let what = format!("{READ}, {words}: p99 / (connections / throughput)");
        let fair_ms = connections as f64 / rate.max(1e-9) * 1000.0;
        goals.push(goal(what, p99(series) / fair_ms, Bound::AtMost(2.0)));
    }
    goals
}

/// Goals for the app against the floor of its host, and against FastAPI.
fn others(report: &Report, app: &Target) -> Vec<Goal> {
    let of = |target: &Target, workload: &str| report.find(&target.name, workload, USUAL);
    let mut goals = Vec::new();
    let floor = report.floor_of(app).and_then(|floor| of(floor, "live"));
    for (workload, share) in [(READ, 0.55), ("live", 0.85)] {
        if let (Some(app), Some(floor)) = (of(app, workload), floor) {
            let ratio = app.good().median / floor.good().median.max(1e-9);
            let what = format!("{workload}, 32 connections: share of the host's floor");
            goals.push(goal(what, ratio, Bound::AtLeast(share)));
        }
    }
    let python = report.role(Role::Peer).find(|peer| peer.host == "python");
    if let (Some(app), Some(peer)) = (of(app, READ), python.and_then(|peer| of(peer, READ))) {
        let ratio = app.good().median / peer.good().median.max(1e-9);
        let what = "get, 32 connections: throughput against FastAPI";
        goals.push(goal(what, ratio, Bound::AtLeast(4.0)));
        let ratio = p99(app) / p99(peer).max(1e-9);
        let what = "get, 32 connections: p99 against FastAPI's";
        goals.push(goal(what, ratio, Bound::AtMost(1.0)));
    }
    goals
}

/// Goals for twice as many reads as the app can serve.
fn overload(report: &Report, app: &Target) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(series) = report.find(&app.name, READ, Load::Open { percent: 200 }) {
        let peak = report.peak(&app.name, READ).unwrap_or_default();
        let share = series.good().median / peak.max(1e-9);
        goals.push(goal(
            "get at 200 %: goodput, share of the peak",
            share,
            Bound::AtLeast(0.9),
        ));
        let (refused, with_retry_after) = series.refused();
        if refused > 0 {
            let late = series.over(|measured| measured.refused.map_or(0.0, |of| of.service.p99));
            goals.push(goal(
                "get at 200 %: p99 of refusals in ms",
                late.median,
                Bound::AtMost(50.0),
            ));
            let share = with_retry_after as f64 / refused as f64;
            let what = "get at 200 %: share of refusals with Retry-After";
            goals.push(goal(what, share, Bound::AtLeast(1.0)));
        }
        let open = || {
            series
                .rounds
                .iter()
                .filter_map(|measured| measured.open.as_ref())
        };
        let slowest = open().map(|open| open.recovery_ms.unwrap_or(f64::INFINITY));
        let slowest = slowest.fold(0.0, f64::max);
        goals.push(goal(
            "get at 200 %: recovery in ms",
            slowest,
            Bound::AtMost(2000.0),
        ));
    }
    let open = report
        .series
        .iter()
        .filter(|series| series.target == app.name);
    let open = open.flat_map(|series| series.rounds.iter().filter_map(|of| of.open.as_ref()));
    let mut probes = open.flat_map(|open| open.probes.values()).peekable();
    if probes.peek().is_some() {
        let failed: u64 = probes.map(|probes| probes.failed).sum();
        let what = "open loops: health probes that failed";
        goals.push(goal(what, failed as f64, Bound::AtMost(0.0)));
    }
    goals
}

fn logins(report: &Report, app: &Target) -> Vec<Goal> {
    let mut goals = Vec::new();
    let of = |target: &Target| report.find(&target.name, "login", ONE);
    let native = report.role(Role::Peer).find(|peer| peer.host == "native");
    if let (Some(app), Some(peer)) = (of(app), native.and_then(of)) {
        let p50 = |series: &Series| series.over(|measured| measured.service.p50).median;
        let what = "login, 1 connection: p50 against native axum's";
        goals.push(goal(
            what,
            p50(app) / p50(peer).max(1e-9),
            Bound::AtMost(1.5),
        ));
    }
    let scenario = report
        .scenarios
        .iter()
        .find(|scenario| scenario.target == app.name && scenario.name == "reads-under-logins");
    if let Some(ratio) = scenario.and_then(|scenario| scenario.figures.get("p99 ratio")) {
        goals.push(goal(
            "reads beside logins: p99 against idle",
            *ratio,
            Bound::AtMost(3.0),
        ));
    }
    goals
}

fn costs(app: &Target) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(instance) = app.cold.as_ref().and_then(|cold| cold.instance.as_ref()) {
        let what = "first request of an instance: p99 in ms";
        goals.push(goal(what, instance.first.p99, Bound::AtMost(1.0)));
    }
    let at = |connections| app.memory.as_ref()?.at.get(&connections).copied();
    if let (Some(few), Some(many)) = (at(32), at(256)) {
        let what = "PSS with 256 connections against 32";
        goals.push(goal(what, many / few.max(1e-9), Bound::AtMost(1.2)));
    }
    goals
}

#[cfg(test)]
mod tests {
    use super::{Bound, table};
    use crate::report::data::Report;
    use crate::report::fixture::report;

    #[test]
    fn bounds_are_inclusive() {
        assert!(Bound::AtLeast(0.9).holds(0.9) && !Bound::AtLeast(0.9).holds(0.89));
        assert!(Bound::AtMost(2.0).holds(2.0) && !Bound::AtMost(2.0).holds(f64::INFINITY));
    }

    #[test]
    fn goals_list_the_measured_value_and_the_result() {
        let table = table(&report());
        for line in [
            "| app | live, 32 connections: share of the host's floor | 0.80 | at least 0.85 | **no** |",
            "| app | get, 32 connections: throughput against FastAPI | 4.00 | at least 4.00 | yes |",
            "| app | get at 200 %: share of refusals with Retry-After | 0.90 | at least 1.00 | **no** |",
            "| app | open loops: health probes that failed | 1.00 | at most 0.00 | **no** |",
        ] {
            assert!(table.lines().any(|found| found == line), "{line}\n{table}");
        }
    }

    #[test]
    fn goals_without_measurements_are_omitted() {
        assert_eq!(table(&Report::default()), "");
    }
}
