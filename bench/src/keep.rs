//! Files of a run: in `target/reports`, and in the project if the run is kept.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::report::data::Report;
use crate::report::present::Present;
use crate::report::{capacity, chart, history, performance, table};

const CAPACITY: &str = "docs/capacity.md";
const PERFORMANCE: &str = "docs/performance.md";

/// Writes `bench.json`, `bench.md` and `bench.svg` to `folder`, and keeps the run in the project at
/// `root`, if given.
pub fn reports(report: &Report, folder: &Path, root: Option<&Path>) -> Result<()> {
    write(
        &folder.join("bench.json"),
        &serde_json::to_string_pretty(report)?,
    )?;
    write(&folder.join("bench.md"), &table::markdown(report))?;
    let drawing = chart::svg(report)?;
    if let Some(drawing) = &drawing {
        write(&folder.join("bench.svg"), drawing)?;
    }
    let Some(root) = root else {
        return Ok(());
    };
    let pages = pages(report, root)?;
    let kept = root.join("bench");
    write(&kept.join("report.json"), &lines(report)?)?;
    write(&kept.join("report.md"), &table::markdown(report))?;
    if let Some(drawing) = &drawing {
        write(&kept.join("report.svg"), drawing)?;
    }
    let mut file = OpenOptions::new();
    let mut file = file
        .create(true)
        .append(true)
        .open(kept.join("history.jsonl"))?;
    file.write_all(history::line(report)?.as_bytes())?;
    write_pages(root, pages)
}

/// Writes `docs/capacity.md` and the tables of `docs/performance.md` from the kept report.
pub fn capacity(root: &Path) -> Result<()> {
    let path = root.join("bench/report.json");
    let kept = fs::read_to_string(&path).with_context(|| {
        format!(
            "no run is kept in {}: run `cargo xtask bench --keep` first",
            path.display()
        )
    })?;
    let report: Report = serde_json::from_str(&kept)?;
    write_pages(root, pages(&report, root)?)
}

/// The pages of a report, by their paths from the root.
fn pages(report: &Report, root: &Path) -> Result<[(&'static str, String); 2]> {
    let capacity = capacity::page(report, &Present::read(&root.join("k8s"))?);
    let capacity = capacity.context(
        "only a run with `mix` on the app can be kept: docs/capacity.md is generated from it",
    )?;
    let written = fs::read_to_string(root.join(PERFORMANCE))
        .with_context(|| format!("cannot read {PERFORMANCE}"))?;
    let performance = performance::page(report, &written).context(PERFORMANCE)?;
    Ok([(CAPACITY, capacity), (PERFORMANCE, performance)])
}

fn write_pages(root: &Path, pages: [(&str, String); 2]) -> Result<()> {
    pages
        .iter()
        .try_for_each(|(path, text)| write(&root.join(path), text))
}

/// Formats JSON with one line per series, so that two reports can be compared.
fn lines(report: &Report) -> Result<String> {
    let mut head = report.clone();
    let series = std::mem::take(&mut head.series);
    let series: Vec<String> = series
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    let head = serde_json::to_string_pretty(&head)?;
    Ok(head.replacen(
        "\"series\": []",
        &format!("\"series\": [\n{}\n]", series.join(",\n")),
        1,
    ) + "\n")
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::report::data::{Load, Measured, Report, Series};

    #[test]
    fn a_stored_report_is_read_back_unchanged() {
        let mut report = Report::default();
        for connections in [1, 32] {
            report.series.push(Series {
                target: "app".to_owned(),
                workload: "get".to_owned(),
                load: Load::Closed { connections },
                rounds: vec![Measured::default()],
            });
        }
        let text = lines(&report).unwrap();
        assert_eq!(
            text.lines()
                .filter(|line| line.contains("\"rounds\":["))
                .count(),
            2
        );
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(read.series.len(), 2);
        assert_eq!(read.series[1].load, Load::Closed { connections: 32 });
    }
}
