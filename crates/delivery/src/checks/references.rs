//! References of pods to ConfigMaps and Secrets: the objects and their keys have to exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::environment::{BY_HAND, Environment};
use crate::finding::{Finding, Findings};
use crate::object::{list, members, text};
use crate::operator;
use crate::pod::Pod;

/// Keys by the name of their object.
type Keys = BTreeMap<String, BTreeSet<String>>;

/// Keys that only PgBouncer reads, which not every environment has.
const OF_POOLER: [&str; 1] = ["db_password_previous"];

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    let secrets = environment.secrets();
    let maps: Keys = environment
        .of("ConfigMap")
        .map(|map| {
            let keys = members(&map.value()["data"]).map(|(key, _)| key.to_owned());
            (map.name().to_owned(), keys.collect())
        })
        .collect();
    for pod in environment.pods() {
        for variable in pod.variables() {
            let name = text(&variable["name"]);
            let from = &variable["valueFrom"];
            for (kind, known, reference) in [
                ("ConfigMap", &maps, &from["configMapKeyRef"]),
                ("Secret", &secrets, &from["secretKeyRef"]),
            ] {
                if let Some(problem) = missing(environment, kind, known, reference) {
                    found.add(&pod.owner, format!("{name}: {problem}"));
                }
            }
        }
        volumes(&pod, &maps, &secrets, &mut found);
        before_apps(environment, &pod, &mut found);
    }
    for (name, _) in BY_HAND {
        let is_described = environment.project.description.contains(name);
        let problem = format!("it does not describe how to create the Secret {name}");
        found.expect(is_described, "k8s/README.md", problem);
    }
    example(environment, &secrets, &mut found);
    found.into_vec()
}

/// Checks that the example of the Secret has the keys that pods read, and that no others are provided.
fn example(environment: &Environment, secrets: &Keys, found: &mut Findings) {
    let project = &environment.project;
    let name = project.secret_name();
    let pods = environment.pods();
    let variables = pods.iter().flat_map(Pod::variables);
    let references = variables.map(|variable| &variable["valueFrom"]["secretKeyRef"]);
    let references = references.filter(|reference| reference["name"] == name);
    let read: BTreeMap<_, _> = references
        .map(|reference| (text(&reference["key"]), reference["optional"] != true))
        .collect();
    let needed = read.iter().filter(|(_, is_needed)| **is_needed);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let described: BTreeSet<_> = project.description.split(|c| !is_word(c)).collect();
    for (key, _) in needed.filter(|(key, _)| !described.contains(*key)) {
        found.add("k8s/README.md", format!("the secrets of dev lack {key}"));
    }
    let file = "k8s/base/secret.example.yaml";
    let keys = project.secret_keys();
    for key in keys.iter().filter(|key| !read.contains_key(key.as_str())) {
        let is_of_pooler = OF_POOLER.contains(&key.as_str());
        let has_pooler = environment.find("Deployment", "pgbouncer").is_some();
        found.expect(
            is_of_pooler && !has_pooler,
            file,
            format!("nothing reads the key {key}"),
        );
    }
    for key in secrets
        .get(name)
        .into_iter()
        .flatten()
        .filter(|key| !keys.contains(*key))
    {
        found.add(file, format!("it lacks the key {key}, which is provided"));
    }
}

/// Returns the problem of a reference to a key. An optional key may be missing, but has to be one that
/// the Secret can have.
fn missing(
    environment: &Environment,
    kind: &str,
    known: &Keys,
    reference: &Value,
) -> Option<String> {
    if reference.is_null() {
        return None;
    }
    let (name, key) = (text(&reference["name"]), text(&reference["key"]));
    let Some(keys) = known.get(name) else {
        return Some(format!("{kind} {name} does not exist"));
    };
    let project = &environment.project;
    let is_possible = name == project.secret_name() && project.secret_keys().contains(key);
    let is_there = keys.contains(key) || (reference["optional"] == true && is_possible);
    (!is_there).then(|| format!("{kind} {name} has no key {key}"))
}

fn volumes(pod: &Pod, maps: &Keys, secrets: &Keys, found: &mut Findings) {
    let volumes = list(&pod.spec["volumes"]);
    for volume in volumes {
        for (kind, known, source, name) in [
            ("ConfigMap", maps, &volume["configMap"], "name"),
            ("Secret", secrets, &volume["secret"], "secretName"),
        ] {
            if source.is_null() {
                continue;
            }
            let wanted = text(&source[name]);
            let Some(keys) = known.get(wanted) else {
                found.add(
                    &pod.owner,
                    format!("a volume's {kind} {wanted} does not exist"),
                );
                continue;
            };
            for key in list(&source["items"]).iter().map(|item| text(&item["key"])) {
                let problem = format!("a volume's {kind} {wanted} has no key {key}");
                found.expect(keys.contains(key), &pod.owner, problem);
            }
        }
    }
}

/// Checks that pods that run before the SpinApps need no Secret that the operator creates for one.
fn before_apps(environment: &Environment, pod: &Pod, found: &mut Findings) {
    if pod.owner.starts_with("SpinApp ") {
        return;
    }
    let executors = environment.of("SpinAppExecutor");
    for made in executors.filter_map(operator::certificates) {
        let volumes = list(&pod.spec["volumes"]).iter();
        let mut needed = volumes.map(|volume| text(&volume["secret"]["secretName"]));
        let problem = format!("it needs the Secret {made}, which does not exist before a SpinApp");
        found.expect(needed.all(|name| name != made), &pod.owner, problem);
    }
}
