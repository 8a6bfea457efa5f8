//! Tables of the open loops.

use crate::report::data::{Load, Open, Report, Series};
use crate::report::words::{self, header, number, row};
use crate::statistics::spread;

/// Renders due requests, their outcomes, and the recovery.
pub fn open_loops(report: &Report) -> String {
    let open: Vec<&Series> = report
        .series
        .iter()
        .filter(|series| matches!(series.load, Load::Open { .. }))
        .collect();
    if open.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## Open loops: latency since the due time of each request\n\
         Includes 2xx responses, and unsent requests with the time that they had waited.\n\n",
    );
    text += &header(&[
        "workload",
        "target",
        "% of peak",
        "due/s",
        "2xx/s",
        "of peak",
        "p50 ms",
        "p99 ms",
        "refused",
        "with Retry-After",
        "refused p99 ms",
        "unsent",
        "probes failed",
        "worst probe ms",
        "recovery ms",
    ]);
    for series in open {
        text += &row(open_cells(report, series));
    }
    text
}

fn open_cells(report: &Report, series: &Series) -> Vec<String> {
    let Load::Open { percent } = series.load else {
        return Vec::new();
    };
    let open = series
        .rounds
        .iter()
        .filter_map(|measured| measured.open.as_ref());
    let sum = |of: fn(&Open) -> u64| open.clone().map(of).sum::<u64>();
    let probes = open.clone().flat_map(|open| open.probes.values());
    let recoveries: Vec<f64> = open.clone().filter_map(|open| open.recovery_ms).collect();
    let recovery = match recoveries.len() == series.rounds.len() {
        true => words::spread(spread(recoveries)),
        false => "not within 3 s".to_owned(),
    };
    let peak = report
        .peak(&series.target, &series.workload)
        .unwrap_or_default();
    let (refused, with_retry_after) = series.refused();
    let refused_p99 = series.over(|measured| measured.refused.map_or(0.0, |of| of.service.p99));
    vec![
        series.workload.clone(),
        series.target.clone(),
        percent.to_string(),
        number(spread(open.clone().map(|open| open.rate)).median),
        words::spread(series.good()),
        number(series.good().median / peak.max(1e-9)),
        number(series.over(|measured| measured.response.p50).median),
        words::spread(series.over(|measured| measured.response.p99)),
        refused.to_string(),
        with_retry_after.to_string(),
        if refused > 0 {
            number(refused_p99.median)
        } else {
            String::new()
        },
        sum(|open| open.unsent).to_string(),
        probes
            .clone()
            .map(|probes| probes.failed)
            .sum::<u64>()
            .to_string(),
        number(probes.map(|probes| probes.worst_ms).fold(0.0, f64::max)),
        recovery,
    ]
}
