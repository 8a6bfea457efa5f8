//! Sizes of pods and pools: those in `k8s/`, and those derived from a report.

use super::{TYPICAL, rate_per_core, usual};
use crate::report::data::{Load, Report, Series, Target};
use crate::report::present::Present;
use crate::report::words::{header, number, row};

/// Workload of reads that all reach Postgres.
const UNCACHED: &str = "get-uncached";
/// A load is steady if its p99 is at most this many times the p99 at half the peak.
const STEADY: f64 = 3.0;

/// Returns derived values beside those of `k8s/`.
pub fn sizes(report: &Report, app: &Target, typical: &Series, present: &Present) -> String {
    let rate = rate_per_core(typical);
    let steady = steady_share(report, app);
    // A minute passes before more pods help. In that minute the load may grow as fast as pods may.
    let busy = steady / (1.0 + present.growth / 100.0);
    let mut text = format!(
        "## Sizes in k8s/\n\
         Latency is steady up to {} of the peak ({STEADY} times the p99 at half of it). The autoscaler adds \
         {} % per minute, so it must start at {} of the limit.\n\n",
        number(steady),
        present.growth,
        number(busy),
    );
    text += &header(&["value", "where", "now", "measured", "basis"]);
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
            "unless Postgres or Redis is the bottleneck".to_owned(),
        ]);
    }
    text += &memory(app, present);
    text + &postgres(report, app, present)
}

/// Returns the highest open loop below the peak that keeps its p99; half the peak if there is none.
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
            format!("PSS with {some} connections, rounded up to a multiple of 32"),
        ]);
        text += &row([
            "memory limit".to_owned(),
            "users, auth".to_owned(),
            format!("{} MiB", present.base.memory_limit),
            format!("{} MiB", up(most * 1.25, 64.0)),
            format!("PSS with {all} connections plus a quarter, rounded up to a multiple of 64"),
        ]);
    }
    text
}

/// Returns connections by Little's law: statements per second times the time that each holds one.
fn postgres(report: &Report, app: &Target, present: &Present) -> String {
    let one = report.find(&app.name, UNCACHED, Load::Closed { connections: 1 });
    let (Some(one), Some(many)) = (one, usual(report, app, UNCACHED)) else {
        return String::new();
    };
    let held = one.over(|measured| measured.service.p50).median / 1000.0;
    let pod = (rate_per_core(many) * present.base.cpu_limit * held).ceil();
    // Pods of users and auth, plus a quarter during a rollout.
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

/// Returns the next multiple of `step`.
fn up(value: f64, step: f64) -> f64 {
    (value / step).ceil() * step
}

#[cfg(test)]
mod tests {
    use super::up;

    #[test]
    fn sizes_are_rounded_up() {
        assert_eq!((up(129.0, 32.0), up(128.0, 32.0)), (160.0, 128.0));
    }
}
