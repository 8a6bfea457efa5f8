//! The parts of the app's manifest, spin.toml, that a deployment has to match.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
pub struct Application {
    pub variables: BTreeMap<String, Variable>,
    #[serde(rename = "component")]
    pub components: BTreeMap<String, Component>,
    trigger: Triggers,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Variable {
    /// `None` when the environment has to provide a value.
    pub default: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Component {
    /// Templates of the app's variables, by the component's own names.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Triggers {
    http: Vec<Route>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Route {
    pub route: String,
    /// `None` when the host itself responds.
    pub component: Option<String>,
}

impl Application {
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("cannot parse spin.toml")
    }

    pub fn routes(&self) -> &[Route] {
        &self.trigger.http
    }

    /// Returns the variables that these components read or that their allowed hosts contain.
    pub fn used_by<'a>(&self, components: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let components = components.filter_map(|name| self.components.get(name));
        let templates = components.flat_map(|component| {
            component
                .variables
                .values()
                .chain(&component.allowed_outbound_hosts)
        });
        templates
            .flat_map(|template| names(template))
            .map(str::to_owned)
            .collect()
    }
}

/// Splits a template into literal parts, each with the name of the expression before it.
fn parts(template: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    template
        .split("{{")
        .enumerate()
        .map(|(index, part)| match part.split_once("}}") {
            Some((name, rest)) if index > 0 => (rest, Some(name.trim())),
            _ => (part, None),
        })
}

fn names(template: &str) -> impl Iterator<Item = &str> {
    parts(template).filter_map(|(_, name)| name)
}

/// Expands the variables of a template, or returns the name of one without a value.
pub fn expand(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, &str> {
    let mut expanded = String::new();
    for (rest, name) in parts(template) {
        if let Some(name) = name {
            expanded.push_str(&value(name).ok_or(name)?);
        }
        expanded.push_str(rest);
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_list_and_expand_variables() {
        let template = "postgres://{{ host }}:{{port}}/x";
        assert_eq!(names(template).collect::<Vec<_>>(), ["host", "port"]);
        let known = |name: &str| (name == "host").then(|| "db".to_owned());
        assert_eq!(
            expand("redis://{{ host }}", known),
            Ok("redis://db".to_owned())
        );
        assert_eq!(expand(template, known), Err("port"));
    }
}
