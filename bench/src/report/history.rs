//! Key figures of every kept run, one line each.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::report::data::{Load, Report};

/// A line of `bench/history.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    began: &'a str,
    commit: &'a str,
    cpu: &'a str,
    cores: usize,
    /// Values by target: 2xx per second and p99 in ms of the usual loops, MiB, ms.
    targets: BTreeMap<&'a str, BTreeMap<String, f64>>,
}

/// Returns the line of this run, with a line break.
pub fn line(report: &Report) -> serde_json::Result<String> {
    let figures = report.targets.iter().map(|target| {
        let mut figures = BTreeMap::new();
        let mut note =
            |name: String, value: f64| figures.insert(name, (value * 100.0).round() / 100.0);
        for series in report
            .series
            .iter()
            .filter(|series| series.target == target.name)
        {
            let name = &series.workload;
            match series.load {
                Load::Closed {
                    connections: connections @ (1 | 32 | 1024),
                } => {
                    note(format!("{name}/{connections}"), series.good().median);
                    let p99 = series.over(|measured| measured.service.p99).median;
                    note(format!("{name}/{connections} p99"), p99);
                }
                Load::Open { percent: 200 } => {
                    note(format!("{name} at 200 %"), series.good().median);
                }
                _ => {}
            }
        }
        if let Some(memory) = &target.memory {
            note("PSS idle".to_owned(), memory.idle);
            note("PSS after".to_owned(), memory.after);
        }
        if let Some(cold) = &target.cold {
            note("start".to_owned(), cold.process.median);
        }
        (target.name.as_str(), figures)
    });
    let line = Line {
        began: &report.began,
        commit: &report.commit,
        cpu: &report.machine.cpu,
        cores: report.machine.cores,
        targets: figures.collect(),
    };
    Ok(serde_json::to_string(&line)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::report::fixture::report;

    #[test]
    fn a_run_is_one_line_with_its_key_figures() {
        let line = line(&report()).unwrap();
        assert!(line.ends_with('\n') && line.lines().count() == 1);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let app = &line["targets"]["app"];
        assert_eq!(
            (&app["get/32"], &app["get at 200 %"]),
            (&4_000.0.into(), &3_600.0.into())
        );
        assert_eq!(app["PSS idle"], 50.0);
    }
}
