//! Applies the rendered mutating admission policies to an object at its creation, so that checks see
//! the pods and Deployments that a cluster would run.
//!
//! Not covered: the API server's own types and defaults, the order between policies and third-party
//! webhooks, and updates; those were observed on a real API server of Kubernetes 1.36.2.

use serde_json::{Value, json};

use crate::cel::{Scope, evaluate};
use crate::environment::Environment;
use crate::object::{Object, labels, list, members, text, texts};
use crate::selector;

pub const POLICY: &str = "MutatingAdmissionPolicy";
pub const BINDING: &str = "MutatingAdmissionPolicyBinding";

/// Fields that are lists with keyed items, and the key. An apply configuration may change no other list.
const KEYS: [(&str, &str); 5] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("env", "name"),
    ("volumes", "name"),
    ("volumeMounts", "mountPath"),
];

/// Applies the policies that are bound to the environment's namespace to an object that is about to be
/// created. Returns a problem per policy that cannot be applied; the API server would reject the object.
pub fn admit(environment: &Environment, resource: &str, object: &mut Value) -> Vec<String> {
    let mut problems = Vec::new();
    for policy in bound(environment) {
        if !matches(policy, resource, object) {
            continue;
        }
        if let Err(problem) = apply(policy, object) {
            problems.push(format!("{policy}: {problem}"));
        }
    }
    problems
}

/// Returns the policies that a binding applies to objects of the environment's namespace.
fn bound(environment: &Environment) -> impl Iterator<Item = &Object> {
    let namespaces: Vec<_> = environment.of("Namespace").map(Object::name).collect();
    environment.of(POLICY).filter(move |policy| {
        let mut bindings = environment.of(BINDING);
        bindings.any(|binding| {
            let selector = &binding.spec()["matchResources"]["namespaceSelector"];
            let is_selected = |namespace: &&str| {
                let own = labels(&json!({"kubernetes.io/metadata.name": namespace}));
                selector::selects(selector, &own)
            };
            binding.spec()["policyName"] == policy.name() && namespaces.iter().any(is_selected)
        })
    })
}

fn matches(policy: &Object, resource: &str, object: &Value) -> bool {
    let constraints = &policy.spec()["matchConstraints"];
    let own = labels(&object["metadata"]["labels"]);
    let is_of = |rule: &Value| {
        texts(&rule["resources"]).any(|name| name == resource)
            && texts(&rule["operations"]).any(|operation| operation == "CREATE")
    };
    selector::selects(&constraints["objectSelector"], &own)
        && list(&constraints["resourceRules"]).iter().any(is_of)
}

fn apply(policy: &Object, object: &mut Value) -> Result<(), String> {
    for mutation in list(&policy.spec()["mutations"]) {
        let mut scope = Scope::from([("object".to_owned(), object.clone())]);
        let mut variables = json!({});
        for variable in list(&policy.spec()["variables"]) {
            variables[text(&variable["name"])] = evaluate(text(&variable["expression"]), &scope)?;
        }
        scope.insert("variables".to_owned(), variables);
        match text(&mutation["patchType"]) {
            "ApplyConfiguration" => {
                let expression = text(&mutation["applyConfiguration"]["expression"]);
                merge(object, &evaluate(expression, &scope)?, "")?;
            }
            "JSONPatch" => {
                let expression = text(&mutation["jsonPatch"]["expression"]);
                for operation in list(&evaluate(expression, &scope)?) {
                    add(object, operation)?;
                }
            }
            other => return Err(format!("unsupported patch type: {other}")),
        }
    }
    Ok(())
}

/// Merges as server-side apply does: maps, and lists with keyed items.
fn merge(object: &mut Value, configuration: &Value, field: &str) -> Result<(), String> {
    match configuration {
        Value::Object(_) => {
            if !object.is_object() {
                *object = json!({});
            }
            for (name, value) in members(configuration) {
                merge(&mut object[name], value, name)?;
            }
        }
        Value::Array(items) => {
            let key = KEYS.iter().find(|(name, _)| *name == field);
            let (_, key) = key.ok_or_else(|| format!("{field} is not a list with keys"))?;
            if !object.is_array() {
                *object = json!([]);
            }
            for item in items {
                let mut own = object.as_array_mut().into_iter().flatten();
                match own.find(|own| own[key] == item[key]) {
                    Some(own) => merge(own, item, "")?,
                    None => object
                        .as_array_mut()
                        .into_iter()
                        .for_each(|own| own.push(item.clone())),
                }
            }
        }
        value => *object = value.clone(),
    }
    Ok(())
}

/// Applies the operation `add` of a JSON patch; the parent of the path has to exist.
fn add(object: &mut Value, operation: &Value) -> Result<(), String> {
    let path = text(&operation["path"]);
    if operation["op"] != "add" {
        return Err(format!("unsupported operation: {}", operation["op"]));
    }
    let missing = || format!("{path} has no parent");
    let (parent, name) = path.rsplit_once('/').ok_or_else(missing)?;
    let parent = object
        .pointer_mut(parent)
        .filter(|parent| parent.is_object());
    parent.ok_or_else(missing)?[name] = operation["value"].clone();
    Ok(())
}
