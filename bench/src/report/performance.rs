//! Tables of docs/performance.md, each between two markers.

use anyhow::{Context, Result};

use crate::report::capacity;
use crate::report::data::{Load, Report, Role, Series, Target};
use crate::report::words::{self, header, number, row};

/// Workloads of the comparison, as the page names them.
const COMPARED: [(&str, &str); 7] = [
    ("live", "GET health/live"),
    ("get", "GET a user, cached"),
    ("get-uncached", "GET a user, not cached"),
    ("list", "list of 20 users"),
    ("patch", "PATCH a user"),
    ("login", "login"),
    ("mix", "mix (90 % reads, 9 % writes, 1 % logins)"),
];

/// Load of the comparison.
const USUAL: Load = Load::Closed { connections: 32 };

/// Loads around the peak and beyond it, and the workloads that the bench sends under them.
const BEYOND: [Load; 4] = [
    Load::Closed { connections: 1024 },
    Load::Open { percent: 80 },
    Load::Open { percent: 120 },
    Load::Open { percent: 200 },
];
const BEYOND_WORKLOADS: [&str; 2] = ["get", "mix"];

const END: &str = "<!-- bench: end -->";

/// Returns the page with its tables replaced by those of the report. Fails without a measurement of the app,
/// and if the page lacks a marker.
pub fn page(report: &Report, page: &str) -> Result<String> {
    let app = capacity::app(report).context("the report has no measurement of the app")?;
    let tables = [
        ("run", run(report, app)),
        ("throughput", throughput(report, app)),
        ("load", load(report, app)),
        ("start", start(app)),
    ];
    tables
        .iter()
        .try_fold(page.to_owned(), |page, (name, table)| {
            replaced(&page, name, table)
                .with_context(|| format!("no markers of the table `{name}`"))
        })
}

/// Replaces the lines between the markers of a table; `None` if one of them is missing.
fn replaced(page: &str, name: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- bench: {name} -->\n");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}{table}{END}{after}"))
}

fn run(report: &Report, app: &Target) -> String {
    format!(
        "{} on {}, commit {}: {} cores ({}).\n",
        app.name,
        report.began.split('T').next().unwrap_or_default(),
        report.commit,
        report.machine.cores,
        report.machine.cpu,
    )
}

/// Renders the app beside the peers.
fn throughput(report: &Report, app: &Target) -> String {
    let targets: Vec<&str> = [app]
        .into_iter()
        .chain(report.role(Role::Peer))
        .map(|target| target.name.as_str())
        .collect();
    let mut text = header(&[&["workload"], targets.as_slice()].concat());
    for (workload, name) in COMPARED {
        let of = |target: &&str| {
            let series = report.find(target, workload, USUAL);
            series.map(rate_and_p99).unwrap_or_default()
        };
        text += &row([name.to_owned()].into_iter().chain(targets.iter().map(of)));
    }
    text
}

fn rate_and_p99(series: &Series) -> String {
    format!("{}, {}", number(series.good().median), number(p99(series)))
}

/// Returns the p99 in milliseconds: in an open loop since the due time of a request, else since it was sent.
fn p99(series: &Series) -> f64 {
    let of = |measured: &crate::report::data::Measured| match series.load {
        Load::Open { .. } => measured.response.p99,
        Load::Closed { .. } => measured.service.p99,
    };
    series.over(of).median
}

/// Renders the app around its peak and beyond it.
fn load(report: &Report, app: &Target) -> String {
    let mut text = header(&["workload", "load", "2xx/s", "share of the peak", "p99 ms"]);
    for workload in BEYOND_WORKLOADS {
        let peak = report.peak(&app.name, workload).unwrap_or_default();
        for load in BEYOND {
            if let Some(series) = report.find(&app.name, workload, load) {
                let good = series.good().median;
                text += &row([
                    workload.to_owned(),
                    words::load(load),
                    number(good),
                    number(good / peak.max(1e-9)),
                    number(p99(series)),
                ]);
            }
        }
    }
    text
}

/// Renders the start and the memory of the app's process.
fn start(app: &Target) -> String {
    let mut text = header(&["figure", "value"]);
    let mut add = |name: &str, value: f64, unit: &str| {
        text += &row([name, &format!("{} {unit}", number(value))]);
    };
    if let Some(cold) = &app.cold {
        add(
            "start of the host until its first 200",
            cold.process.median,
            "ms",
        );
        if let Some(instance) = &cold.instance {
            add(
                "first request of an instance, p50",
                instance.first.p50,
                "ms",
            );
        }
    }
    if let Some(memory) = &app.memory {
        add("PSS idle", memory.idle, "MiB");
        if let Some((connections, value)) = memory.at.iter().next_back() {
            add(
                &format!("PSS with {connections} connections"),
                *value,
                "MiB",
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{END, page};
    use crate::report::data::Report;
    use crate::report::fixture::report;

    #[test]
    fn tables_are_replaced_between_their_markers() {
        let names = ["run", "throughput", "load", "start"];
        let empty: String = names
            .iter()
            .map(|name| format!("{name}:\n<!-- bench: {name} -->\nold\n{END}\n"))
            .collect();
        let written = page(&report(), &empty).unwrap();
        for line in [
            "| GET a user, cached | 4,000, 12.0 | 1,000, 12.0 |",
            "| login |  |  |",
            "| get | open loop at 200 % | 3,600 | 0.90 | 12.0 |",
            "| start of the host until its first 200 | 300 ms |",
            "| PSS with 1024 connections | 300 MiB |",
            "start:",
        ] {
            assert!(
                written.lines().any(|found| found == line),
                "{line}\n{written}"
            );
        }
        assert!(!written.lines().any(|line| line == "old"), "{written}");
        assert_eq!(page(&report(), &written).unwrap(), written);
        let without = empty.replace("<!-- bench: load -->", "");
        assert!(page(&report(), &without).is_err());
    }

    /// Run `cargo xtask bench --capacity` to update the page.
    #[test]
    fn the_performance_page_matches_the_stored_report() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let Ok(kept) = fs::read_to_string(root.join("bench/report.json")) else {
            return;
        };
        let report: Report = serde_json::from_str(&kept).unwrap();
        let written = fs::read_to_string(root.join("docs/performance.md")).unwrap();
        let expected = page(&report, &written).unwrap();
        assert!(written == expected, "run `cargo xtask bench --capacity`");
    }
}
