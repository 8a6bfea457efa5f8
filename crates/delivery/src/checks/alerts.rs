//! Alerts: they query metrics that the app exports, and link to a section of the runbook.

use serde_json::Value;

use super::dashboards::{is_known, metrics};
use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, text};

/// Prefixes of the app's metrics; other programs export the rest.
const OWN: [&str; 2] = ["http_", "roster_"];

const RUNBOOK: &str = "docs/runbook.md";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for rules in environment.of("PrometheusRule") {
        for rule in list(&rules.spec()["groups"])
            .iter()
            .flat_map(|group| list(&group["rules"]))
        {
            alert(environment, rules, rule, &mut found);
        }
    }
    found.into_vec()
}

fn alert(environment: &Environment, rules: &Object, rule: &Value, found: &mut Findings) {
    let project = &environment.project;
    let name = text(&rule["alert"]);
    for metric in metrics(text(&rule["expr"])) {
        let is_own = OWN.iter().any(|start| metric.starts_with(start));
        let problem = format!("{name} queries {metric}, which the app does not export");
        found.expect(
            !is_own || is_known(&project.metrics, &metric),
            rules,
            problem,
        );
    }
    let anchor = format!("{RUNBOOK}#{}", name.to_lowercase());
    let has_place = rule["annotations"]["runbook"] == anchor
        && project
            .runbook
            .lines()
            .any(|line| line == format!("## {name}"));
    let problem = format!("{name} has no section in {RUNBOOK}, or no link to it");
    found.expect(has_place, rules, problem);
}
