//! Variables of the app: the bindings, which `cargo xtask codegen` writes, match what is written by hand:
//! the components of each SpinApp, the configuration and the Secret.

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, list, members, text, texts};

/// Name of the ConfigMap, before the hash of its content.
const CONFIGURATION: &str = "roster-config-";

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let configuration = environment
        .of("ConfigMap")
        .find(|map| map.name().starts_with(CONFIGURATION));
    let Some(configuration) = configuration else {
        found.add("ConfigMap roster-config", "it does not exist");
        return found.into_vec();
    };
    let provided: BTreeSet<_> = members(&configuration.value()["data"])
        .map(|(key, _)| key.to_owned())
        .collect();
    for app in environment.apps() {
        bindings(environment, app, &provided, &mut found);
    }
    for key in provided.difference(&read(environment)) {
        found.add(configuration, format!("nothing reads the key {key}"));
    }
    found.into_vec()
}

fn bindings(
    environment: &Environment,
    app: &Object,
    provided: &BTreeSet<String>,
    found: &mut Findings,
) {
    let application = &environment.project.application;
    let used = application.used_by(texts(&app.spec()["components"]));
    let mut bound = BTreeSet::new();
    for binding in list(&app.spec()["variables"]) {
        let name = text(&binding["name"]);
        bound.insert(name);
        let is_literal = used.contains(name) && binding["valueFrom"].is_null();
        found.expect(
            !is_literal,
            app,
            format!("the variable {name} is a literal, though a component reads it"),
        );
    }
    // With a default Spin starts, but the environment's value would not reach the pods.
    let secrets = environment.project.secret_keys();
    let provided = provided.union(&secrets).filter(|name| used.contains(*name));
    for name in provided.filter(|name| !bound.contains(name.as_str())) {
        found.add(
            app,
            format!("the variable {name} is not bound, although it has a value"),
        );
    }
}

/// Returns the keys of the configuration that a pod reads, or a component without pods here.
fn read(environment: &Environment) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    for pod in environment.pods() {
        let keys = pod.variables();
        let keys = keys.map(|variable| &variable["valueFrom"]["configMapKeyRef"]);
        let keys = keys.filter(|reference| text(&reference["name"]).starts_with(CONFIGURATION));
        read.extend(keys.map(|reference| text(&reference["key"]).to_owned()));
    }
    let application = &environment.project.application;
    let deployed: BTreeSet<_> = environment
        .apps()
        .flat_map(|app| texts(&app.spec()["components"]))
        .collect();
    let others = application
        .components
        .keys()
        .filter(|name| !deployed.contains(name.as_str()));
    read.extend(application.used_by(others.map(String::as_str)));
    read
}
