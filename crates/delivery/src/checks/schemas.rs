//! Validates kinds with the closed schemas in `schemas/`: a member that is not in the schema is an
//! error. `core_kinds` validates the kinds without a schema here, and reports unknown ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::{Object, text};

/// Schemas; each has the API version and the kind of its objects.
const SCHEMAS: [&str; 13] = [
    include_str!("../../schemas/spin-app.yaml"),
    include_str!("../../schemas/spin-app-executor.yaml"),
    include_str!("../../schemas/gateway.yaml"),
    include_str!("../../schemas/http-route.yaml"),
    include_str!("../../schemas/client-traffic-policy.yaml"),
    include_str!("../../schemas/backend-traffic-policy.yaml"),
    include_str!("../../schemas/scaled-object.yaml"),
    include_str!("../../schemas/external-secret.yaml"),
    include_str!("../../schemas/scrape-config.yaml"),
    include_str!("../../schemas/prometheus-rule.yaml"),
    include_str!("../../schemas/image-validating-policy.yaml"),
    include_str!("../../schemas/mutating-admission-policy.yaml"),
    include_str!("../../schemas/mutating-admission-policy-binding.yaml"),
];

/// Validators by API version and kind.
type Validators = BTreeMap<(String, String), Validator>;

static VALIDATORS: LazyLock<Result<Validators, String>> =
    LazyLock::new(|| SCHEMAS.iter().map(|schema| validator(schema)).collect());

fn of(object: &Object) -> Option<&'static Validator> {
    let (version, kind) = (object.api_version().to_owned(), object.kind().to_owned());
    VALIDATORS.as_ref().ok()?.get(&(version, kind))
}

pub fn knows(object: &Object) -> bool {
    of(object).is_some()
}

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    if let Err(problem) = VALIDATORS.as_ref() {
        found.add("a schema", problem);
    }
    for object in &environment.objects {
        let errors = of(object).map(|validator| validator.iter_errors(object.value()));
        for error in errors.into_iter().flatten() {
            let path = error.instance_path().to_string();
            found.add(object, problem(&path, &error.to_string()));
        }
    }
    found.into_vec()
}

/// Formats a problem as kubernetes-validate does: `spec.replicas: ...`.
fn problem(path: &str, error: &str) -> String {
    let path = path.trim_start_matches('/').replace('/', ".");
    // The error begins with the value, which may be long, so only its end is kept.
    let short: String = error
        .chars()
        .rev()
        .take(300)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    match path.as_str() {
        "" => short,
        path => format!("{path}: {short}"),
    }
}

fn validator(schema: &str) -> Result<((String, String), Validator), String> {
    let mut schema: Value = serde_yaml_ng::from_str(schema).map_err(|error| error.to_string())?;
    close(&mut schema);
    let [version, kind] =
        ["apiVersion", "kind"].map(|name| text(&schema["properties"][name]["const"]).to_owned());
    let validator = jsonschema::validator_for(&schema);
    let validator = validator.map_err(|error| format!("{kind}: {error}"))?;
    Ok(((version, kind), validator))
}

/// Forbids additional members in every object whose members the schema names.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let names = members.get("properties").is_some_and(Value::is_object);
            // A property may have the name of a keyword.
            if names && members.get("type").is_some_and(|kind| kind == "object") {
                members
                    .entry("additionalProperties")
                    .or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schema that does not close an object would let a misspelt member pass.
    fn is_closed(schema: &Value) -> bool {
        let Some(members) = schema.as_object() else {
            return schema
                .as_array()
                .is_none_or(|items| items.iter().all(is_closed));
        };
        let is_object = schema["type"] == "object";
        let says =
            members.contains_key("additionalProperties") || members.contains_key("properties");
        (!is_object || says) && members.values().all(is_closed)
    }

    #[test]
    fn every_schema_is_valid_and_closed() {
        for text in SCHEMAS {
            let ((version, kind), _) = validator(text).unwrap();
            assert!(!version.is_empty() && !kind.is_empty(), "{text}");
            let schema: Value = serde_yaml_ng::from_str(text).unwrap();
            assert!(is_closed(&schema), "{kind}");
            let specified = &schema["properties"]["spec"]["properties"];
            assert!(specified.is_object(), "{kind}");
        }
    }
}
