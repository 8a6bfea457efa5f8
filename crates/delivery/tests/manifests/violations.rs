//! Violations of the checks: the rows of `violations/*.yaml`, by check.
//!
//! A row changes an environment (`in`: prod by default) and lists findings of the check. `set` has values by
//! kind, name and pointer; null removes. A pointer has an item of a list by its number or its `name`.
//! `replace` replaces a part of a string, `copy` copies an object under another name, `add` adds one. `only`
//! excludes other findings. `<x>` is the name of the object that begins with `x-`, of the kind before it if
//! there is one.

use std::collections::BTreeMap;
use std::fs;

use delivery::environment::Environment;
use delivery::finding::Finding;
use delivery::kustomize::Optional;
use delivery::object::Object;
use serde::Deserialize;
use serde_json::Value;

use crate::rendered;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// Read by `environment`, before the row.
    #[serde(rename = "in")]
    _environment: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    replace: BTreeMap<String, (String, String)>,
    #[serde(default)]
    copy: BTreeMap<String, String>,
    add: Option<Value>,
    #[serde(default)]
    only: bool,
    finds: Vec<String>,
}

/// Returns the environment that a row names, such as `prod with keda`.
fn environment(row: &Value) -> Environment {
    let name = row["in"].as_str().unwrap_or("prod");
    let (overlay, component) = name.split_once(" with ").unwrap_or((name, ""));
    let component = Optional::ALL.into_iter().find(|it| it.name() == component);
    let environment = rendered(overlay, component);
    assert_eq!(environment.name, name);
    environment.clone()
}

impl Row {
    fn read(row: &Value, environment: &Environment) -> Self {
        let mut text = row.to_string();
        let kinds: [fn(&Object) -> String; 2] = [|it| format!("{} ", it.kind()), |_| String::new()];
        for kind in kinds {
            for object in &environment.objects {
                let (kind, name) = (kind(object), object.name());
                let start = name.rsplit_once('-').map_or("", |(start, _)| start);
                text = text.replace(&format!("{kind}<{start}>"), &format!("{kind}{name}"));
            }
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn apply(&self, environment: &mut Environment) {
        for (place, value) in &self.set {
            match value {
                Value::Null => remove(environment, place),
                value => *at(environment, place) = value.clone(),
            }
        }
        for (place, (part, other)) in &self.replace {
            let value = at(environment, place);
            let text = value.as_str().unwrap();
            assert!(text.contains(part), "{part}");
            *value = text.replace(part, other).into();
        }
        for (object, name) in &self.copy {
            let mut copy = at(environment, object).clone();
            copy["metadata"]["name"] = name.as_str().into();
            environment.objects.push(Object::new(copy));
        }
        let added = self.add.iter().cloned().map(Object::new);
        environment.objects.extend(added);
    }
}

/// Returns the value at a place, such as `Service users/spec/ports/0`; creates missing members.
fn at<'a>(environment: &'a mut Environment, place: &str) -> &'a mut Value {
    let mut steps = place.split('/').map(|step| step.replace("~1", "/"));
    let (name, mut objects) = (steps.next().unwrap(), environment.objects.iter_mut());
    let object = objects.find(|object| object.to_string() == name);
    let object = object.unwrap_or_else(|| panic!("no {name}"));
    steps.fold(object.value_mut(), |value, step| match value {
        Value::Array(items) => match step.parse::<usize>() {
            Ok(index) => &mut items[index],
            Err(_) => items.iter_mut().find(|item| item["name"] == *step).unwrap(),
        },
        value => &mut value[step],
    })
}

/// Removes an object, or a member of one.
fn remove(environment: &mut Environment, place: &str) {
    let Some((parent, member)) = place.rsplit_once('/') else {
        at(environment, place);
        let objects = &mut environment.objects;
        return objects.retain(|object| object.to_string() != place);
    };
    let parent = at(environment, parent).as_object_mut().unwrap();
    parent.remove(member).unwrap();
}

/// Returns the lines that a row expects and a check does not find, and lines that the row excludes.
pub fn differences(check: impl Fn(&Environment) -> Vec<Finding>, row: &Value) -> Vec<String> {
    let mut environment = environment(row);
    let row = Row::read(row, &environment);
    row.apply(&mut environment);
    let found: Vec<_> = check(&environment).iter().map(Finding::to_string).collect();
    let finds = row.finds.iter();
    let expected: Vec<_> = finds
        .map(|line| format!("{}: {line}", environment.name))
        .collect();
    let missing = expected.iter().filter(|line| !found.contains(line));
    let other = found
        .iter()
        .filter(|line| row.only && !expected.contains(line));
    let mut lines: Vec<_> = missing.map(|line| format!("not found: {line}")).collect();
    lines.extend(other.map(|line| format!("unexpected: {line}")));
    if !lines.is_empty() {
        lines.extend(found.iter().map(|line| format!("  found: {line}")));
    }
    lines
}

/// Asserts that the check reports every violation in its rows.
#[track_caller]
pub fn assert_reported(name: &str, check: impl Fn(&Environment) -> Vec<Finding>) {
    let folder = delivery::root().join("crates/delivery/tests/manifests/violations");
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let checks: BTreeMap<String, Vec<Value>> = serde_yaml_ng::from_str(&text).unwrap();
        rows.extend(checks.into_iter().filter(|(other, _)| other == name));
    }
    assert_eq!(rows.len(), 1, "the check has no rows, or in several files");
    let rows = rows.iter().flat_map(|(_, rows)| rows);
    let lines: Vec<_> = rows.flat_map(|row| differences(&check, row)).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}
