//! The app's manifest, spin.toml, as far as a deployment has to agree with it.

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
    /// Without it Spin asks for a value.
    pub default: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Component {
    /// By the component's own names; the values are templates of the app's variables.
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
    /// Without one the host answers by itself.
    pub component: Option<String>,
}

impl Application {
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("spin.toml is not as expected")
    }

    pub fn routes(&self) -> &[Route] {
        &self.trigger.http
    }

    /// The variables that Spin asks for, whatever components it is told to run.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        let required = self
            .variables
            .iter()
            .filter(|(_, variable)| variable.default.is_none());
        required.map(|(name, _)| name.as_str())
    }

    /// The variables that these components read or whose values say what they may reach.
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

/// The template's parts: what stands between the expressions, and by turns their names.
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

/// The template with its variables' values, or the name of one that has none.
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
    fn templates_name_and_take_variables() {
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
