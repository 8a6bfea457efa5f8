//! docs/capacity.md: what the measurements say about the sizes in `k8s/`.

use crate::report::data::{Load, Report, Role, Series, Target};
use crate::report::present::Present;
use crate::report::words::{header, number, row};

/// What is typical of the app's work.
const TYPICAL: &str = "mix";
/// Reads that all reach Postgres.
const UNCACHED: &str = "get-uncached";
/// A load up to which p99 is at most this many times that at half the peak is steady.
const STEADY: f64 = 3.0;

/// The page; None when the report has no measurement of the app's typical work.
pub fn page(report: &Report, present: &Present) -> Option<String> {
    // Spin is what runs in the cluster.
    let mut apps: Vec<&Target> = report.role(Role::Roster).collect();
    apps.sort_by_key(|app| app.host != "spin");
    let app = *apps.first()?;
    let typical = usual(report, app, TYPICAL)?;
    Some(
        [
            heading(report, app),
            per_core(report, app),
            connections(report, app),
            sizes(report, app, typical, present),
        ]
        .join("\n"),
    )
}

/// The closed loop with the most 2xx per second.
fn usual<'a>(report: &'a Report, app: &Target, workload: &str) -> Option<&'a Series> {
    let loops = report
        .closed(&app.name, workload)
        .into_iter()
        .map(|(_, series)| series);
    loops.max_by(|one, other| one.good().median.total_cmp(&other.good().median))
}

/// 2xx per second for each core that the app itself used.
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
         Redis. Figures for a core count only the CPU time of the app's own process, so they hold where \
         the others run elsewhere; clusters have other CPUs, and `bench/README.md` says how to measure \
         yours.\n",
        app.name,
        report.began.split('T').next().unwrap_or_default(),
        report.commit,
        report.machine.cpu,
        report.machine.cores,
    )
}

fn per_core(report: &Report, app: &Target) -> String {
    let mut text = String::from("## What a core does\n");
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
        password after the other, whatever its cores.\n"
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

/// Derived values beside those of `k8s/`.
fn sizes(report: &Report, app: &Target, typical: &Series, present: &Present) -> String {
    let rate = rate_per_core(typical);
    let steady = steady_share(report, app);
    // A minute passes before more pods help, and in it the load may grow as fast as pods may.
    let busy = steady / (1.0 + present.growth / 100.0);
    let mut text = format!(
        "## Sizes in k8s/\n\
         Latency is steady up to {} of the peak ({STEADY} times the p99 at half of it). The autoscaler adds \
         {} % a minute, so it has to begin at {} of the limit.\n\n",
        number(steady),
        present.growth,
        number(busy),
    );
    text += &header(&["what", "where", "now", "measured", "how"]);
    for (name, size) in [("base", present.base), ("prod", present.prod)] {
        let begins = present.utilization / 100.0 * size.cpu_request;
        let wanted = busy * size.cpu_limit / (present.utilization / 100.0);
        text += &row([
            format!("CPU request, {name}"),
            "users, auth".to_owned(),
            cores(size.cpu_request),
            format!("up to {}", cores(wanted)),
            format!("{} of the limit / {} %", number(busy), present.utilization),
        ]);
        text += &row([
            format!("a pod's requests/s when pods are added, {name}"),
            "HorizontalPodAutoscaler".to_owned(),
            format!(
                "{} % of {}: {}",
                present.utilization,
                cores(size.cpu_request),
                number(rate * begins)
            ),
            number(rate * busy * size.cpu_limit),
            format!("{} per core", number(rate)),
        ]);
        text += &row([
            format!(
                "requests/s of {} pods at the limit, {name}",
                present.max_pods
            ),
            "maxReplicas".to_owned(),
            number(rate * size.cpu_limit * present.max_pods),
            String::new(),
            "before Postgres or Redis are the limit".to_owned(),
        ]);
    }
    text += &memory(app, present);
    text + &postgres(report, app, present)
}

/// The highest of the open loops below the peak that keeps its p99; half if there are none.
fn steady_share(report: &Report, app: &Target) -> f64 {
    let p99 = |percent| {
        let series = report.find(&app.name, TYPICAL, Load::Open { percent })?;
        Some(series.over(|measured| measured.response.p99).median)
    };
    match (p99(50), p99(80)) {
        (Some(half), Some(most)) if most <= half * STEADY => 0.8,
        _ => 0.5,
    }
}

fn memory(app: &Target, present: &Present) -> String {
    let Some(memory) = &app.memory else {
        return String::new();
    };
    // An instance holds four connections and serves 16 requests.
    let at_once = present.pod_connections * 4.0;
    let request = memory
        .at
        .iter()
        .find(|(connections, _)| **connections as f64 >= at_once);
    let most = memory.at.iter().next_back();
    let mut text = String::new();
    if let (Some((some, request)), Some((all, most))) = (request, most) {
        text += &row([
            "memory request".to_owned(),
            "users, auth".to_owned(),
            format!("{} MiB", present.base.memory_request),
            format!("{} MiB", up(*request, 32.0)),
            format!("PSS with {some} connections, to the next 32"),
        ]);
        text += &row([
            "memory limit".to_owned(),
            "users, auth".to_owned(),
            format!("{} MiB", present.base.memory_limit),
            format!("{} MiB", up(most * 1.25, 64.0)),
            format!("PSS with {all} connections and a quarter, to the next 64"),
        ]);
    }
    text
}

/// Connections by Little's law: statements per second times the time that each holds one.
fn postgres(report: &Report, app: &Target, present: &Present) -> String {
    let one = report.find(&app.name, UNCACHED, Load::Closed { connections: 1 });
    let (Some(one), Some(many)) = (one, usual(report, app, UNCACHED)) else {
        return String::new();
    };
    let held = one.over(|measured| measured.service.p50).median / 1000.0;
    let pod = (rate_per_core(many) * present.base.cpu_limit * held).ceil();
    // users and auth, and the quarter more of a rollout.
    let pods = (present.max_pods * 2.0 * 1.25).ceil();
    let all = pod * pods;
    row([
        "Postgres connections of a pod".to_owned(),
        "runtime-config.toml".to_owned(),
        present.pod_connections.to_string(),
        format!("at least {pod}"),
        format!(
            "uncached reads/s per core x {} ms each",
            number(held * 1000.0)
        ),
    ]) + &row([
        "PgBouncer's pools".to_owned(),
        "components/pgbouncer".to_owned(),
        format!("{} x {}", present.poolers, present.pool_size),
        format!(
            "at most {} x {}",
            present.poolers,
            (all / present.poolers).ceil()
        ),
        format!("{pods} pods x {pod}, if every request were an uncached read"),
    ])
}

fn cores(cores: f64) -> String {
    format!("{:.0}m", cores * 1000.0)
}

/// The next multiple of `step`.
fn up(value: f64, step: f64) -> f64 {
    (value / step).ceil() * step
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{page, up};
    use crate::report::data::Report;
    use crate::report::fixture::report;
    use crate::report::present::{Present, Size};

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!((up(129.0, 32.0), up(128.0, 32.0)), (160.0, 128.0));
    }

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
            // Half a core gave 2,000 of them.
            "| mix | 4,000 | 0.25 | 12.0 | 32 connections |",
            // Steady up to half of the peak, without an open loop of mix that says more.
            "| CPU request, base | users, auth | 200m | up to 476m | 0.33 of the limit / 70 % |",
            "| memory request | users, auth | 256 MiB | 160 MiB | PSS with 256 connections, to the next 32 |",
            "| memory limit | users, auth | 512 MiB | 384 MiB | PSS with 1024 connections and a quarter, to the next 64 |",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }

    /// `cargo xtask bench --capacity` writes it anew.
    #[test]
    fn the_page_in_docs_is_what_the_kept_report_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let Ok(kept) = fs::read_to_string(root.join("bench/report.json")) else {
            let page = root.join("docs/capacity.md");
            assert!(!page.exists(), "docs/capacity.md comes from no report");
            return;
        };
        let report: Report = serde_json::from_str(&kept).unwrap();
        let present = Present::read(&root.join("k8s")).unwrap();
        let expected = page(&report, &present).unwrap();
        let written = fs::read_to_string(root.join("docs/capacity.md")).unwrap();
        assert!(written == expected, "run `cargo xtask bench --capacity`");
    }
}
