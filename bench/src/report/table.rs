//! A report as Markdown.

use crate::report::data::{Load, Measured, Report, Role, Series, Spread, Target};
use crate::report::goals;
use crate::report::words::{self, header, number, row};

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let parts = [
        heading(report),
        throughput(report),
        ratios(report),
        open_loops(report),
        cpu(report),
        costs(report),
        failures(report),
        scenarios(report),
        goals::table(report),
        skipped(report),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn heading(report: &Report) -> String {
    let (machine, profile) = (&report.machine, &report.profile);
    let versions = report.versions.iter();
    let versions: Vec<_> = versions
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    format!(
        "# Measurements\n\
         Written by `cargo xtask bench`; how to read it: [README](README.md).\n\n\
         {}, commit {}. {} cores ({}), {} MiB, {}. {}.\n\n\
         {} rounds of {} s each after {} s that do not count, {:.0} minutes in all. Figures are medians, \
         in brackets the ends. The load generator, Postgres and Redis share the machine with the app.\n",
        report.began,
        report.commit,
        machine.cores,
        machine.cpu,
        machine.memory_mib,
        machine.kernel,
        versions.join(", "),
        profile.rounds,
        profile.seconds,
        profile.warm_up_seconds,
        report.minutes,
    )
}

fn throughput(report: &Report) -> String {
    let names: Vec<&str> = report
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    let mut text = String::from("## Closed loops: 2xx per second, p99 in ms\n");
    text += &header(&[vec!["workload", "connections"], names.clone()].concat());
    for (workload, load) in report.measured() {
        let Load::Closed { connections } = load else {
            continue;
        };
        let mut cells = vec![workload.to_owned(), connections.to_string()];
        cells.extend(
            names
                .iter()
                .map(|name| match report.find(name, workload, load) {
                    Some(series) => format!(
                        "{}, {}",
                        words::spread(series.good()),
                        number(series.over(|measured| measured.service.p99).median)
                    ),
                    None => String::new(),
                }),
        );
        text += &row(cells);
    }
    text
}

/// The app beside the floor of its host and the peers.
fn ratios(report: &Report) -> String {
    let mut text = String::new();
    for app in report.role(Role::Roster) {
        let peers: Vec<&Target> = report.role(Role::Peer).collect();
        let floor = report.floor_of(app);
        if peers.is_empty() && floor.is_none() {
            continue;
        }
        text += &format!("## {}: throughput against others\n", app.name);
        let mut names = vec!["workload".to_owned(), "connections".to_owned()];
        names.extend(floor.map(|floor| format!("of {}", floor.name)));
        names.extend(peers.iter().map(|peer| format!("times {}", peer.name)));
        text += &header(&names);
        for (workload, load) in report.measured() {
            let Load::Closed { connections } = load else {
                continue;
            };
            let mut cells = vec![workload.to_owned(), connections.to_string()];
            // The floor answers one thing, which any workload is held against.
            cells.extend(
                floor.map(|floor| {
                    against(report, (&app.name, workload), (&floor.name, "live"), load)
                }),
            );
            cells.extend(
                peers.iter().map(|peer| {
                    against(report, (&app.name, workload), (&peer.name, workload), load)
                }),
            );
            text += &row(cells);
        }
        text.push('\n');
    }
    text
}

/// The ratio of medians, with the ratios round by round as its ends.
fn against(report: &Report, app: (&str, &str), other: (&str, &str), load: Load) -> String {
    let find = |(target, workload)| report.find(target, workload, load);
    match (find(app), find(other)) {
        (Some(app), Some(other)) => words::spread(ratio(app, other)),
        _ => String::new(),
    }
}

fn ratio(app: &Series, other: &Series) -> Spread {
    let pairs = app.rounds.iter().zip(&other.rounds);
    let ratios = pairs.map(|(app, other)| app.good_per_second / other.good_per_second.max(1e-9));
    let ends = crate::statistics::spread(ratios);
    Spread {
        median: app.good().median / other.good().median.max(1e-9),
        ..ends
    }
}

fn open_loops(report: &Report) -> String {
    let open: Vec<&Series> = report
        .series
        .iter()
        .filter(|series| matches!(series.load, Load::Open { .. }))
        .collect();
    if open.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "## Open loops: latency from when a request was due\n\
         Of 2xx, and of requests that were never sent, with the time that they had waited.\n\n",
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
    let sum = |of: fn(&crate::report::data::Open) -> u64| open.clone().map(of).sum::<u64>();
    let probes = open.clone().flat_map(|open| open.probes.values());
    let recoveries: Vec<f64> = open.clone().filter_map(|open| open.recovery_ms).collect();
    let recovery = match recoveries.len() == series.rounds.len() {
        true => words::spread(crate::statistics::spread(recoveries)),
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
        number(crate::statistics::spread(open.clone().map(|open| open.rate)).median),
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

/// Who used the machine, in the usual loop.
fn cpu(report: &Report) -> String {
    let mut text = String::from("## CPU, closed loops over 32 connections\n");
    text += &header(&[
        "workload",
        "target",
        "its cores",
        "its ms per response",
        "generator's ms per response",
        "cores of the whole machine",
    ]);
    let usual = |series: &&Series| series.load == Load::Closed { connections: 32 };
    for series in report.series.iter().filter(usual) {
        let each = |cores: f64, rate: f64| cores * 1000.0 / rate.max(1e-9);
        let of = |figure: fn(&Measured) -> f64| number(series.over(figure).median);
        text += &row([
            series.workload.clone(),
            series.target.clone(),
            of(|measured| measured.cpu.target),
            number(series.over(|of| each(of.cpu.target, of.per_second)).median),
            number(
                series
                    .over(|of| each(of.cpu.generator, of.per_second))
                    .median,
            ),
            of(|measured| measured.cpu.machine),
        ]);
    }
    text
}

/// Starts, memory, and what is delivered.
fn costs(report: &Report) -> String {
    let weighed = report
        .targets
        .iter()
        .filter_map(|target| target.memory.as_ref());
    let mut steps: Vec<usize> = weighed
        .flat_map(|memory| memory.at.keys().copied())
        .collect();
    steps.sort_unstable();
    steps.dedup();
    let mut names = [
        "target",
        "process start ms",
        "instance start p50, p99 ms",
        "warm p50, p99 ms",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("PSS idle MiB".to_owned());
    names.extend(steps.iter().map(|step| format!("at {step}")));
    names.extend(["after".to_owned(), "shipped".to_owned()]);
    let mut text = String::from("## Starts, memory, size\n") + &header(&names);
    for target in &report.targets {
        let cold = target.cold.as_ref();
        let instance = cold.and_then(|cold| cold.instance.as_ref());
        let two =
            |of: crate::report::data::Quantiles| format!("{}, {}", number(of.p50), number(of.p99));
        let memory = target.memory.as_ref();
        let mut cells = vec![
            target.name.clone(),
            cold.map(|cold| words::spread(cold.process))
                .unwrap_or_default(),
            instance
                .map(|instance| two(instance.first))
                .unwrap_or_default(),
            instance
                .map(|instance| two(instance.second))
                .unwrap_or_default(),
            memory.map(|memory| number(memory.idle)).unwrap_or_default(),
        ];
        let at = |step| memory.and_then(|memory| memory.at.get(step)).copied();
        cells.extend(
            steps
                .iter()
                .map(|step| at(step).map(number).unwrap_or_default()),
        );
        cells.push(
            memory
                .map(|memory| number(memory.after))
                .unwrap_or_default(),
        );
        let shipped = target.shipped.iter();
        let shipped: Vec<_> = shipped
            .map(|(name, size)| format!("{name} {}", words::bytes(*size)))
            .collect();
        cells.push(shipped.join(", "));
        text += &row(cells);
    }
    text
}

/// Every status but 2xx.
fn failures(report: &Report) -> String {
    let mut text = String::new();
    for series in &report.series {
        for (round, measured) in series.rounds.iter().enumerate() {
            let failures = words::failures(measured);
            if let Some(failures) = failures.strip_prefix(", ") {
                text += &row([
                    series.target.as_str(),
                    &series.workload,
                    &words::load(series.load),
                    &(round + 1).to_string(),
                    &number(measured.per_second * report.profile.seconds),
                    failures,
                ]);
            }
        }
    }
    match text.is_empty() {
        true => "## Other statuses\nNone: every request was answered with a 2xx.\n".to_owned(),
        false => {
            let names = [
                "target",
                "workload",
                "load",
                "round",
                "responses",
                "other than 2xx",
            ];
            format!("## Other statuses\n{}{text}", header(&names))
        }
    }
}

fn scenarios(report: &Report) -> String {
    let mut text = String::new();
    for scenario in &report.scenarios {
        let figures = scenario.figures.iter();
        let figures: Vec<_> = figures
            .map(|(name, value)| format!("{name} {}", number(*value)))
            .collect();
        text += &format!(
            "- {} on {}: {}\n",
            scenario.name,
            scenario.target,
            figures.join("; ")
        );
    }
    match text.is_empty() {
        true => text,
        false => format!("## Scenarios\n{text}"),
    }
}

fn skipped(report: &Report) -> String {
    let mut text = String::new();
    for skipped in &report.skipped {
        text += &format!("- {}: {}\n", skipped.what, skipped.reason);
    }
    match text.is_empty() {
        true => text,
        false => format!("## Not measured\n{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::markdown;
    use crate::report::fixture::report;

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }

    #[test]
    fn figures_are_medians_with_their_ends_and_ratios_to_others() {
        let text = markdown(&report());
        has(
            &text,
            "| get | 32 | 4,000 (3,000..5,000), 12.0 |  | 1,000, 12.0 |",
        );
        has(&text, "| live | 32 | 8,000, 12.0 | 10,000, 12.0 |  |");
        // Of the floor's live, and of FastAPI's get.
        has(
            &text,
            "| get | 32 | 0.40 (0.30..0.50) | 4.00 (3.00..5.00) |",
        );
    }

    #[test]
    fn an_open_loop_tells_refusals_and_what_was_never_sent() {
        let text = markdown(&report());
        let line = "| get | app | 200 | 8,000 | 3,600 | 0.90 | 3.00 | 12.0 | 30 | 27 | 12.0 | 7 | 1 | 80.0 | not within 3 s |";
        has(&text, line);
        has(
            &text,
            "| app | get | open loop at 200 % | 1 | 3,700 | 503: 30 |",
        );
    }

    #[test]
    fn what_was_not_measured_is_said() {
        has(&markdown(&report()), "- app-on-spin: it is not installed");
    }
}
