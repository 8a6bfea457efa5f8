//! Throughput over connections as an SVG: one panel per workload with enough measurements.

use std::fmt::Display;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::report::data::{Report, Spread};

const SIZE: (u32, u32) = (960, 420);
/// Colours that colour-blind readers can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
/// Workloads that get a panel if there is data.
const PANELS: [&str; 3] = ["live", "get", "mix"];

/// A line of a panel: connections, and 2xx per second with minimum and maximum.
struct Line {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, Spread)>,
}

/// Returns the chart; `None` when no workload has two points.
pub fn svg(report: &Report) -> Result<Option<String>> {
    let panels: Vec<_> = PANELS
        .iter()
        .map(|workload| (*workload, lines(report, workload)))
        .filter(|(_, lines)| lines.iter().any(|line| line.points.len() > 1))
        .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(drawing)?;
        for ((workload, lines), area) in panels.iter().zip(root.split_evenly((1, panels.len()))) {
            panel(&area, workload, lines)?;
        }
        root.present().map_err(drawing)?;
    }
    Ok(Some(text))
}

fn lines(report: &Report, workload: &str) -> Vec<Line> {
    let targets = report.targets.iter().zip(COLOURS.iter().cycle());
    let lines = targets.map(|(target, colour)| Line {
        name: target.name.clone(),
        colour: *colour,
        points: report
            .closed(&target.name, workload)
            .into_iter()
            .map(|(connections, series)| (connections as f64, series.good()))
            .collect(),
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn panel(area: &DrawingArea<SVGBackend<'_>, Shift>, workload: &str, lines: &[Line]) -> Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = points()
        .map(|(connections, _)| *connections)
        .fold(2.0, f64::max);
    let low = points()
        .map(|(_, rate)| rate.min.max(1.0))
        .fold(f64::INFINITY, f64::min);
    let high = points().map(|(_, rate)| rate.max).fold(low * 2.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(
            format!("{workload}: 2xx/s by connections"),
            ("sans-serif", 15),
        )
        .margin(8)
        .margin_right(20)
        .x_label_area_size(28)
        .y_label_area_size(58)
        // Both axes are logarithmic: the targets are far apart.
        .build_cartesian_2d((1.0..most).log_scale(), (low / 1.5..high * 2.5).log_scale())
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(4)
        .y_labels(6)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| crate::report::words::number(*value))
        .draw()
        .map_err(drawing)?;
    for line in lines {
        let (colour, points) = (line.colour, &line.points);
        let medians = points
            .iter()
            .map(|(connections, rate)| (*connections, rate.median));
        chart
            .draw_series(LineSeries::new(medians.clone(), colour.stroke_width(2)))
            .map_err(drawing)?
            .label(line.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        chart
            .draw_series(medians.map(|point| Circle::new(point, 3, colour.filled())))
            .map_err(drawing)?;
        let ends = points.iter().map(|(connections, rate)| {
            let (low, high) = ((*connections, rate.min), (*connections, rate.max));
            PathElement::new([low, high], colour.stroke_width(1))
        });
        chart.draw_series(ends).map_err(drawing)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 12))
        .background_style(WHITE.mix(0.8))
        .draw()
        .map_err(drawing)?;
    Ok(())
}

/// Converted to text, because the library's errors borrow the drawing.
fn drawing(error: impl Display) -> anyhow::Error {
    anyhow!("cannot draw the chart: {error}")
}

#[cfg(test)]
mod tests {
    use super::svg;
    use crate::report::data::Report;
    use crate::report::fixture::report;

    #[test]
    fn a_panel_is_drawn_only_with_enough_points() {
        let drawing = svg(&report()).unwrap().unwrap();
        assert!(drawing.starts_with("<svg ") && drawing.contains("get: 2xx/s by connections"));
        assert!(!drawing.contains("live: 2xx/s by connections"));
        assert_eq!(svg(&Report::default()).unwrap(), None);
    }
}
