//! Mirrors the Spin operator's validating webhook, and reports configurations that it accepts although
//! no pod can run with them.

use std::collections::BTreeSet;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, members, text, texts};
use crate::quantity::thousandths;

/// Maximum length of a name, which is also a Service's and part of a label (`app.<name>.status`).
const LONGEST_NAME: usize = 52;

/// First Spin that supports WASI 0.3.0, which the components are built for.
const FIRST_SPIN: (u32, u32) = (4, 1);

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for app in environment.apps() {
        replicas(app, &mut found);
        name(app, &mut found);
        runtime_config(environment, app, &mut found);
        invocations(app, &mut found);
        components(environment, app, &mut found);
    }
    for executor in environment.of("SpinAppExecutor") {
        self::executor(executor, &mut found);
    }
    found.into_vec()
}

fn replicas(app: &Object, found: &mut Findings) {
    let spec = app.spec();
    let replicas = spec["replicas"].as_u64().unwrap_or_default();
    match (spec["enableAutoscaling"] == true, replicas) {
        (true, 1..) => found.add(
            app,
            "spec.replicas and spec.enableAutoscaling are mutually exclusive",
        ),
        (false, 0) => found.add(
            app,
            "spec.replicas must be 1 or more without spec.enableAutoscaling",
        ),
        _ => {}
    }
}

fn name(app: &Object, found: &mut Findings) {
    let name = app.name();
    let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(is_label);
    let problem =
        format!("its name must be a valid Service name of at most {LONGEST_NAME} characters");
    found.expect(fits, app, problem);
}

fn runtime_config(environment: &Environment, app: &Object, found: &mut Findings) {
    let spec = app.spec();
    let name = text(&spec["executor"]);
    let Some(executor) = environment.executor(app) else {
        found.add(
            app,
            format!("spec.executor: SpinAppExecutor {name} does not exist"),
        );
        return;
    };
    let config = &spec["runtimeConfig"];
    let secret = text(&config["loadFromSecret"]);
    let deployment = &executor.spec()["deploymentConfig"];
    if secret.is_empty() {
        // Spin is started with the path of the file, and exits if it is missing.
        let problem = "spec.runtimeConfig.loadFromSecret is missing: Spin in a container needs it";
        found.expect(deployment["spinImage"].is_null(), app, problem);
        return;
    }
    for (field, _) in members(config).filter(|(field, _)| *field != "loadFromSecret") {
        let problem = format!("spec.runtimeConfig.{field} is ignored if loadFromSecret is set");
        found.add(app, problem);
    }
    let keys = environment.secrets().remove(secret).unwrap_or_default();
    let problem = format!("Secret {secret} has no key runtime-config.toml");
    found.expect(keys.contains("runtime-config.toml"), app, problem);
    if executor.spec()["createDeployment"] != true {
        for field in ["deploymentAnnotations", "podAnnotations"] {
            let problem = format!("spec.{field} needs an executor that creates a Deployment");
            found.expect(members(&spec[field]).next().is_none(), app, problem);
        }
    }
}

fn invocations(app: &Object, found: &mut Findings) {
    let spec = app.spec();
    let limit = &spec["invocationLimits"]["memory"];
    if limit.is_null() {
        return;
    }
    let resources = &spec["resources"];
    let most = ["limits", "requests"].map(|kind| thousandths(&resources[kind]["memory"]));
    let most = most.into_iter().flatten().next();
    let fits = match (thousandths(limit), most) {
        (Some(limit), Some(most)) => limit <= most,
        (limit, None) => limit.is_some(),
        (None, Some(_)) => false,
    };
    found.expect(
        fits,
        app,
        "spec.invocationLimits.memory is not a quantity, or exceeds the memory of the pod",
    );
}

fn components(environment: &Environment, app: &Object, found: &mut Findings) {
    let known = &environment.project.application.components;
    let mut seen = BTreeSet::new();
    for component in texts(&app.spec()["components"]) {
        let problem = format!("spec.components: spin.toml has no component {component}");
        found.expect(known.contains_key(component), app, problem);
        let problem = format!("spec.components lists {component} twice");
        found.expect(seen.insert(component), app, problem);
    }
    found.expect(
        !seen.is_empty(),
        app,
        "spec.components is missing: every pod would run every component",
    );
}

fn executor(executor: &Object, found: &mut Findings) {
    let config = &executor.spec()["deploymentConfig"];
    let runs = [&config["runtimeClassName"], &config["spinImage"]];
    let problem = "spec.deploymentConfig must have one of runtimeClassName and spinImage";
    let given = runs.iter().filter(|field| field.is_string()).count();
    // An executor that creates no Deployment needs no configuration, but Roster's have to create one.
    found.expect(given == 1, executor, problem);
    let creates = executor.spec()["createDeployment"] == true;
    found.expect(
        creates,
        executor,
        "spec.createDeployment must be true: nothing else creates pods",
    );
    found.expect(
        config["installDefaultCACerts"] != true,
        executor,
        "the operator's root certificates would hide the newer ones of the image",
    );
    if let Some(image) = config["spinImage"].as_str() {
        let (major, minor) = FIRST_SPIN;
        let problem = format!("{image} is not tagged as Spin {major}.{minor} or later");
        found.expect(spin_version(image) >= Some(FIRST_SPIN), executor, problem);
    }
}

/// Returns the version in an image's tag: `spin:v4.1.0@sha256:...`.
fn spin_version(image: &str) -> Option<(u32, u32)> {
    let (name, _) = image.split_once('@').unwrap_or((image, ""));
    let mut numbers = name.rsplit_once(":v")?.1.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
