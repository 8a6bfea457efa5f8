//! Tables of the targets' costs.

use crate::report::data::{Load, Measured, Quantiles, Report, Series};
use crate::report::words::{self, header, number, row};

/// Renders the CPU of target and generator in the usual loop.
pub fn cpu(report: &Report) -> String {
    let mut text = String::from("## CPU, closed loops over 32 connections\n");
    text += &header(&[
        "workload",
        "target",
        "target cores",
        "target ms per response",
        "generator ms per response",
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

/// Renders starts, memory, and delivered files.
pub fn costs(report: &Report) -> String {
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
        let two = |of: Quantiles| format!("{}, {}", number(of.p50), number(of.p99));
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
