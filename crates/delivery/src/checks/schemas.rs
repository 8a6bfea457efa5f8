//! Validates kinds with the closed schemas in `schemas/`: a member that is not in the schema is an
//! error. `core_kinds` validates the kinds without a schema here, and reports unknown ones.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::environment::Environment;
use crate::finding::{Finding, Findings};
use crate::object::Object;

/// API version, kind and schema of objects.
const SCHEMAS: [(&str, &str, &str); 13] = [
    (
        "core.spinkube.dev/v1alpha1",
        "SpinApp",
        include_str!("../../schemas/spin-app.yaml"),
    ),
    (
        "core.spinkube.dev/v1alpha1",
        "SpinAppExecutor",
        include_str!("../../schemas/spin-app-executor.yaml"),
    ),
    (
        "gateway.networking.k8s.io/v1",
        "Gateway",
        include_str!("../../schemas/gateway.yaml"),
    ),
    (
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        include_str!("../../schemas/http-route.yaml"),
    ),
    (
        "gateway.envoyproxy.io/v1alpha1",
        "ClientTrafficPolicy",
        include_str!("../../schemas/client-traffic-policy.yaml"),
    ),
    (
        "gateway.envoyproxy.io/v1alpha1",
        "BackendTrafficPolicy",
        include_str!("../../schemas/backend-traffic-policy.yaml"),
    ),
    (
        "keda.sh/v1alpha1",
        "ScaledObject",
        include_str!("../../schemas/scaled-object.yaml"),
    ),
    (
        "external-secrets.io/v1",
        "ExternalSecret",
        include_str!("../../schemas/external-secret.yaml"),
    ),
    (
        "monitoring.coreos.com/v1alpha1",
        "ScrapeConfig",
        include_str!("../../schemas/scrape-config.yaml"),
    ),
    (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        include_str!("../../schemas/prometheus-rule.yaml"),
    ),
    (
        "policies.kyverno.io/v1",
        "NamespacedImageValidatingPolicy",
        include_str!("../../schemas/image-validating-policy.yaml"),
    ),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingAdmissionPolicy",
        include_str!("../../schemas/mutating-admission-policy.yaml"),
    ),
    (
        "admissionregistration.k8s.io/v1",
        "MutatingAdmissionPolicyBinding",
        include_str!("../../schemas/mutating-admission-policy-binding.yaml"),
    ),
];

type Validators = BTreeMap<(&'static str, &'static str), Result<Validator, String>>;

static VALIDATORS: LazyLock<Validators> = LazyLock::new(|| {
    let schemas = SCHEMAS.iter();
    schemas
        .map(|(version, kind, schema)| ((*version, *kind), validator(schema)))
        .collect()
});

pub fn knows(object: &Object) -> bool {
    VALIDATORS.contains_key(&(object.api_version(), object.kind()))
}

pub fn check(environment: &Environment) -> Vec<Finding> {
    let mut found = Findings::of(&environment.name);
    for object in &environment.objects {
        match VALIDATORS.get(&(object.api_version(), object.kind())) {
            Some(Ok(validator)) => {
                for error in validator.iter_errors(object.value()) {
                    found.add(
                        object,
                        problem(&error.instance_path().to_string(), &error.to_string()),
                    );
                }
            }
            Some(Err(problem)) => found.add(object, format!("its schema is invalid: {problem}")),
            None => {}
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

fn validator(schema: &str) -> Result<Validator, String> {
    let mut schema: Value = serde_yaml_ng::from_str(schema).map_err(|error| error.to_string())?;
    close(&mut schema);
    jsonschema::validator_for(&schema).map_err(|error| error.to_string())
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
        for (_, kind, text) in SCHEMAS {
            assert!(
                validator(text).is_ok(),
                "{kind}: {:?}",
                validator(text).err()
            );
            let schema: Value = serde_yaml_ng::from_str(text).unwrap();
            assert!(is_closed(&schema), "{kind}");
            let specified = &schema["properties"]["spec"]["properties"];
            assert!(specified.is_object(), "{kind}");
        }
    }
}
