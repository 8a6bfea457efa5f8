//! docs/capacity.md: sizes in `k8s/` compared with the measurements.

mod sizes;

use crate::report::data::{Report, Role, Series, Target};
use crate::report::present::Present;
use crate::report::words::{header, number, row};

/// Workload that is typical of the app.
const TYPICAL: &str = "mix";

/// Returns the page; `None` when the report has no measurement of the typical workload.
pub fn page(report: &Report, present: &Present) -> Option<String> {
    let app = app(report)?;
    let typical = usual(report, app, TYPICAL)?;
    Some(
        [
            heading(report, app),
            per_core(report, app),
            connections(report, app),
            sizes::sizes(report, app, typical, present),
        ]
        .join("\n"),
    )
}

/// Returns the app, on Spin if both hosts were measured: clusters run Spin.
pub fn app(report: &Report) -> Option<&Target> {
    report
        .role(Role::Roster)
        .min_by_key(|app| app.host != "spin")
}

/// Returns the closed loop with the most 2xx per second.
fn usual<'a>(report: &'a Report, app: &Target, workload: &str) -> Option<&'a Series> {
    let loops = report
        .closed(&app.name, workload)
        .into_iter()
        .map(|(_, series)| series);
    loops.max_by(|one, other| one.good().median.total_cmp(&other.good().median))
}

/// Returns 2xx per second and core that the app itself used.
fn rate_per_core(series: &Series) -> f64 {
    let per_core =
        |of: &crate::report::data::Measured| of.good_per_second / of.cpu.target.max(1e-9);
    series.over(per_core).median
}

fn heading(report: &Report, app: &Target) -> String {
    format!(
        "# Capacity\n\
         Written by `cargo xtask bench --capacity` from `bench/report.json`; do not edit it. Measured on \
         {} of {}, commit {}: {}, {} cores, which the app shares with the load generator, Postgres and \
         Redis. Figures per core count only the CPU time of the app's own process, so they also hold if \
         the others run on other machines. Other CPUs give other figures; `bench/README.md` describes \
         how to measure them.\n",
        app.name,
        report.began.split('T').next().unwrap_or_default(),
        report.commit,
        report.machine.cpu,
        report.machine.cores,
    )
}

fn per_core(report: &Report, app: &Target) -> String {
    let mut text = String::from("## Throughput per core\n");
    text += &header(&[
        "workload",
        "requests/s per core",
        "CPU ms per request",
        "p99 ms",
        "best with",
    ]);
    let mut workloads: Vec<&str> = report
        .measured()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    workloads.dedup();
    for workload in workloads {
        if let Some(series) = usual(report, app, workload) {
            let rate = rate_per_core(series);
            text += &row([
                workload,
                &number(rate),
                &number(1000.0 / rate.max(1e-9)),
                &number(series.over(|measured| measured.service.p99).median),
                &crate::report::words::load(series.load),
            ]);
        }
    }
    text + "\n`mix` is 90 % reads, 9 % writes, 1 % logins. With `hash_slots` 1 a process hashes one \
        password at a time, regardless of its cores.\n"
}

fn connections(report: &Report, app: &Target) -> String {
    let mut text = String::from("## Connections and memory\n");
    text += &header(&[
        "connections",
        "reads/s",
        "p99 ms",
        "without a 2xx",
        "PSS MiB",
    ]);
    let at = |connections: &usize| app.memory.as_ref()?.at.get(connections).copied();
    for (connections, series) in report.closed(&app.name, "get") {
        text += &row([
            connections.to_string(),
            number(series.good().median),
            number(series.over(|measured| measured.service.p99).median),
            (series.failed() + series.refused().0).to_string(),
            at(&connections).map(number).unwrap_or_default(),
        ]);
    }
    if let Some(memory) = &app.memory {
        text += &format!(
            "\nIdle {} MiB, {} MiB after the last connection. PSS is of the whole process tree with all \
             four components; a pod has two of them.\n",
            number(memory.idle),
            number(memory.after),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::page;
    use crate::report::data::Report;
    use crate::report::fixture::report;
    use crate::report::present::{Present, Size};

    #[test]
    fn sizes_follow_from_cpu_memory_and_connections() {
        let size = Size {
            cpu_request: 0.2,
            cpu_limit: 1.0,
            memory_request: 256.0,
            memory_limit: 512.0,
        };
        let present = Present {
            base: size,
            prod: size,
            utilization: 70.0,
            max_pods: 10.0,
            growth: 50.0,
            pod_connections: 32.0,
            pool_size: 30.0,
            poolers: 2.0,
        };
        let page = page(&report(), &present).unwrap();
        for line in [
            // Half a core gave 2,000 per second.
            "| mix | 4,000 | 0.25 | 12.0 | 32 connections |",
            // Steady up to half of the peak, without an open loop of mix that shows more.
            "| CPU request, base | users, auth | 200m | up to 476m | 0.33 of the limit / 70 % |",
            "| memory request | users, auth | 256 MiB | 160 MiB | PSS with 256 connections, \
             rounded up to a multiple of 32 |",
            "| memory limit | users, auth | 512 MiB | 384 MiB | PSS with 1024 connections plus a quarter, \
             rounded up to a multiple of 64 |",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    /// Run `cargo xtask bench --capacity` to update the page.
    #[test]
    fn the_capacity_page_matches_the_stored_report() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let Ok(kept) = fs::read_to_string(root.join("bench/report.json")) else {
            let page = root.join("docs/capacity.md");
            assert!(
                !page.exists(),
                "docs/capacity.md exists without bench/report.json"
            );
            return;
        };
        let report: Report = serde_json::from_str(&kept).unwrap();
        let present = Present::read(&root.join("k8s")).unwrap();
        let expected = page(&report, &present).unwrap();
        let written = fs::read_to_string(root.join("docs/capacity.md")).unwrap();
        assert!(written == expected, "run `cargo xtask bench --capacity`");
    }
}
