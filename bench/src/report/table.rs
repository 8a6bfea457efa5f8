//! A report as Markdown.

mod costs;
mod open;

use crate::report::data::{Load, Report, Role, Series, Spread, Target};
use crate::report::goals;
use crate::report::words::{self, header, number, row};

/// Renders the whole report.
pub fn markdown(report: &Report) -> String {
    let parts = [
        heading(report),
        throughput(report),
        ratios(report),
        open::open_loops(report),
        costs::cpu(report),
        costs::costs(report),
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
         Written by `cargo xtask bench`; the [README](README.md) describes the tables.\n\n\
         {}, commit {}. {} cores ({}), {} MiB, {}. {}.\n\n\
         {} rounds of {} s each after {} s of warm-up (four times as long in closed loops over more than 256 \
         connections), {:.0} minutes in total. Figures are medians, with minimum \
         and maximum in brackets. The load generator, Postgres and Redis share the machine with the app.\n",
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

/// Renders the app beside the floor of its host and the peers.
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
            // The floor has one response, with which any workload is compared.
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

/// Returns the ratio of medians, with the ratios of the rounds as its range.
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

/// Renders every status other than 2xx.
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
        true => "## Other statuses\nNone: every response has a 2xx status.\n".to_owned(),
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

    fn assert_has_line(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }

    #[test]
    fn figures_are_medians_with_ranges_and_ratios() {
        let text = markdown(&report());
        assert_has_line(
            &text,
            "| get | 32 | 4,000 (3,000..5,000), 12.0 |  | 1,000, 12.0 |",
        );
        assert_has_line(&text, "| live | 32 | 8,000, 12.0 | 10,000, 12.0 |  |");
        // Ratios to the floor's live, and to FastAPI's get.
        assert_has_line(
            &text,
            "| get | 32 | 0.40 (0.30..0.50) | 4.00 (3.00..5.00) |",
        );
    }

    #[test]
    fn an_open_loop_counts_rejected_and_unsent_requests() {
        let text = markdown(&report());
        let line = "| get | app | 200 | 8,000 | 3,600 | 0.90 | 3.00 | 12.0 | 30 | 27 | 12.0 | 7 | 1 | 80.0 | not within 3 s |";
        assert_has_line(&text, line);
        assert_has_line(
            &text,
            "| app | get | open loop at 200 % | 1 | 3,700 | 503: 30 |",
        );
    }

    #[test]
    fn skipped_targets_are_listed_with_the_reason() {
        assert_has_line(&markdown(&report()), "- app-on-spin: it is not installed");
    }
}
