//! Converts OpenAPI 3.1 to the form that the generator reads: 3.0, with types but no rules on values.
//!
//! The server validates values, so patterns and bounds are left out. A schema that is only a string
//! is inlined, so that it becomes a `String`.

use serde_json::{Map, Value, json};

/// Keywords that do not affect a type.
const REMOVED_KEYS: [&str; 9] = [
    "example",
    "examples",
    "headers",
    "maxLength",
    "maximum",
    "minLength",
    "minimum",
    "pattern",
    "propertyNames",
];
/// Formats that only the server validates.
const SERVER_VALIDATED_FORMATS: [&str; 2] = ["email", "password"];
/// Objects whose keys are names of the API, not keywords of OpenAPI.
const NAMED: [&str; 4] = ["properties", "schemas", "responses", "parameters"];
const PROBLEM: &str = "application/problem+json";
const JSON: &str = "application/json";

/// Returns the document in 3.0.
pub fn down_convert(mut document: Value) -> Value {
    convert(&mut document);
    let texts = take_plain_texts(&mut document);
    replace_references(&mut document, &texts);
    share_enums(&mut document);
    if let Some(document) = document.as_object_mut() {
        document.insert("openapi".into(), json!("3.0.3"));
    }
    if let Some(license) = document.pointer_mut("/info/license") {
        remove(license, "identifier");
    }
    document
}

fn convert(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(convert),
        Value::Object(object) => {
            object.retain(|key, _| !REMOVED_KEYS.contains(&key.as_str()));
            if object
                .get("format")
                .is_some_and(has_server_validated_format)
            {
                object.remove("format");
            }
            for (key, value) in object.iter_mut() {
                match value {
                    Value::Object(named) if NAMED.contains(&key.as_str()) => {
                        named.values_mut().for_each(convert);
                    }
                    _ => convert(value),
                }
            }
            plain_choice(object);
            nullable_type(object);
            nullable_choice(object);
            one_content(object);
        }
        _ => {}
    }
}

fn has_server_validated_format(format: &Value) -> bool {
    format
        .as_str()
        .is_some_and(|format| SERVER_VALIDATED_FORMATS.contains(&format))
}

/// Keeps an enum with a value such as `-created_at` as text: its variants would be hard to read.
fn plain_choice(schema: &mut Map<String, Value>) {
    let Some(Value::Array(words)) = schema.get("enum") else {
        return;
    };
    let name = |word: &Value| word.as_str().is_none_or(|word| !word.starts_with('-'));
    if !words.iter().all(name) {
        schema.remove("enum");
    }
}

/// Converts `type: [X, "null"]` to a nullable X.
fn nullable_type(schema: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = schema.get_mut("type") else {
        return;
    };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        schema.insert("type".into(), only);
        schema.insert("nullable".into(), json!(true));
    }
}

/// Converts `oneOf: [X, null]` to a nullable X.
fn nullable_choice(schema: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = schema.get_mut("oneOf") else {
        return;
    };
    let before = choices.len();
    choices.retain(|choice| choice.get("type") != Some(&json!("null")));
    if choices.len() < before {
        // In 3.0 a reference may have no sibling keywords, hence the list of one.
        let choices = json!(choices);
        schema.remove("oneOf");
        schema.insert("allOf".into(), choices);
        schema.insert("nullable".into(), json!(true));
    }
}

/// Gives every problem the type `Problem`, in place of its narrower schema, and keeps only JSON of a
/// body's media types if JSON is among them.
fn one_content(object: &mut Map<String, Value>) {
    let Some(Value::Object(content)) = object.get_mut("content") else {
        return;
    };
    if content.contains_key(PROBLEM) {
        let schema = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
        *content = Map::from_iter([(JSON.to_owned(), schema)]);
    } else if content.contains_key(JSON) {
        content.retain(|media_type, _| media_type == JSON);
    }
}

/// Removes the schemas that are only a string, and returns the references to them.
fn take_plain_texts(document: &mut Value) -> Vec<String> {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else {
        return Vec::new();
    };
    let mut texts = Vec::new();
    schemas.retain(|name, schema| {
        let plain = schema.get("type") == Some(&json!("string"))
            && schema.get("enum").is_none()
            && schema.get("format").is_none();
        if plain {
            texts.push(format!("#/components/schemas/{name}"));
        }
        !plain
    });
    texts
}

fn replace_references(value: &mut Value, texts: &[String]) {
    let refers = value.get("$ref").and_then(Value::as_str);
    if refers.is_some_and(|name| texts.iter().any(|text| text == name)) {
        remove(value, "$ref");
        if let Some(schema) = value.as_object_mut() {
            schema.insert("type".into(), json!("string"));
        }
    }
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| replace_references(item, texts)),
        Value::Object(object) => object
            .values_mut()
            .for_each(|value| replace_references(value, texts)),
        _ => {}
    }
}

/// Replaces an enum under `paths` that equals a named schema's with a reference to that schema.
fn share_enums(document: &mut Value) {
    let schemas = document.pointer("/components/schemas");
    let schemas = schemas.and_then(Value::as_object).into_iter().flatten();
    let named: Vec<(Value, String)> = schemas
        .filter_map(|(name, schema)| {
            let choices = schema.get("enum")?.clone();
            Some((choices, format!("#/components/schemas/{name}")))
        })
        .collect();
    if let Some(paths) = document.get_mut("paths") {
        refer_to_enums(paths, &named);
    }
}

fn refer_to_enums(value: &mut Value, named: &[(Value, String)]) {
    if let Some(choices) = value.get("enum")
        && let Some((_, name)) = named.iter().find(|(others, _)| others == choices)
    {
        *value = json!({ "$ref": name });
    }
    match value {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| refer_to_enums(item, named)),
        Value::Object(object) => object
            .values_mut()
            .for_each(|value| refer_to_enums(value, named)),
        _ => {}
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(key);
    }
}
