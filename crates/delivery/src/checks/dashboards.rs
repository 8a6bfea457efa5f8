//! Dashboards: they query metrics that the app exports.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{list, members, text};

const LABEL: &str = "grafana_dashboard";

/// Suffixes of a histogram's series.
const SERIES: [&str; 3] = ["_bucket", "_sum", "_count"];

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let known = &environment.project.metrics;
    for map in environment
        .of("ConfigMap")
        .filter(|map| map.labels().contains_key(LABEL))
    {
        for (file, content) in members(&map.value()["data"]) {
            let Ok(dashboard) = serde_json::from_str::<Value>(text(content)) else {
                found.add(map, format!("{file} is not JSON"));
                continue;
            };
            let mut expressions = Vec::new();
            collect(&dashboard, &mut expressions);
            found.expect(
                !expressions.is_empty(),
                map,
                format!("{file} has no queries"),
            );
            let asked: BTreeSet<_> = expressions.into_iter().flat_map(metrics).collect();
            for metric in asked.into_iter().filter(|metric| !is_known(known, metric)) {
                found.add(
                    map,
                    format!("{file} queries {metric}, which the app does not export"),
                );
            }
        }
    }
    found.into_vec()
}

pub(super) fn is_known(known: &BTreeSet<String>, metric: &str) -> bool {
    let family = SERIES.iter().find_map(|ending| metric.strip_suffix(ending));
    known.contains(metric) || family.is_some_and(|family| known.contains(family))
}

/// Collects the expressions of a dashboard's panels at any depth.
fn collect<'a>(value: &'a Value, expressions: &mut Vec<&'a str>) {
    for (name, member) in members(value) {
        match (name, member.as_str()) {
            ("expr", Some(expression)) => expressions.push(expression),
            _ => collect(member, expressions),
        }
    }
    list(value)
        .iter()
        .for_each(|item| collect(item, expressions));
}

/// Returns the metrics of an expression: names with an underscore that are not functions and not in
/// label matchers.
pub(super) fn metrics(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut name = String::new();
    let mut depth = 0_usize;
    for c in expression.chars().chain([' ']) {
        if depth == 0 && (c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            name.push(c);
            continue;
        }
        let ended = std::mem::take(&mut name);
        if ended.contains('_') && c != '(' {
            found.push(ended);
        }
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_distinguished_from_functions_and_labels() {
        let expression = "histogram_quantile(0.9, sum by (le) (rate(a_bucket{my_label=\"x_y\"}[$__rate_interval]))) / b_total";
        assert_eq!(metrics(expression), ["a_bucket", "b_total"]);
    }
}
