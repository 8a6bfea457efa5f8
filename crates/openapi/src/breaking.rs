//! Detects changes in a new document that break clients of an older one.
//!
//! A client of the older document sends requests that it allows and relies on responses that it
//! promises. Requests may therefore only become more permissive and responses only richer; other
//! changes are reported.

mod schema;

use serde_json::{Map, Value};

use schema::{Direction, Schemas};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Returns one line per change between `released` and `new` that may break a client.
pub fn changes(released: &Value, new: &Value) -> Vec<String> {
    let mut breaking = Breaking {
        released,
        new,
        found: Vec::new(),
    };
    for (path, item) in object(released, "/paths") {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let name = format!("{} {path}", method.to_uppercase());
                match new
                    .get("paths")
                    .and_then(|paths| paths.get(path)?.get(method))
                {
                    Some(now) => breaking.operation(&name, operation, now),
                    None => breaking.found.push(format!("{name}: removed")),
                }
            }
        }
    }
    breaking.found
}

struct Breaking<'a> {
    released: &'a Value,
    new: &'a Value,
    found: Vec<String>,
}

impl<'a> Breaking<'a> {
    fn operation(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        self.parameters(name, old, new);
        self.request_body(name, old, new);
        self.compare_responses(name, old, new);
        let open = |operation: &Value| operation.get("security").is_none();
        if open(old) && !open(new) {
            self.found.push(format!("{name}: now requires a token"));
        }
    }

    fn parameters(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        let (before, now) = (parameters(self.released, old), parameters(self.new, new));
        for (key, parameter) in &before {
            match find(&now, key) {
                Some(other) => {
                    if is_required(other) && !is_required(parameter) {
                        self.found
                            .push(format!("{name}: parameter {key} is now required"));
                    }
                    let at = format!("{name}: parameter {key}");
                    self.schemas(&at, parameter, other, Direction::Request);
                }
                None => self
                    .found
                    .push(format!("{name}: parameter {key} was removed")),
            }
        }
        for (key, parameter) in &now {
            if is_required(parameter) && find(&before, key).is_none() {
                self.found
                    .push(format!("{name}: parameter {key} is new and required"));
            }
        }
    }

    fn request_body(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        let (before, now) = (old.get("requestBody"), new.get("requestBody"));
        let (Some(before), Some(now)) = (before, now) else {
            match (before, now) {
                (Some(_), None) => self.found.push(format!("{name}: no longer accepts a body")),
                (None, Some(body)) if is_required(body) => {
                    self.found.push(format!("{name}: now requires a body"));
                }
                _ => {}
            }
            return;
        };
        self.contents(&format!("{name}: body"), before, now, Direction::Request);
    }

    fn compare_responses(&mut self, name: &str, old: &'a Value, new: &'a Value) {
        for (status, response) in object(old, "/responses") {
            let response = resolve(self.released, response);
            let at = format!("{name}: response {status}");
            let now = new
                .get("responses")
                .and_then(|responses| responses.get(status));
            let Some(now) = now.map(|now| resolve(self.new, now)) else {
                self.found.push(format!("{at} was removed"));
                continue;
            };
            self.contents(&at, response, now, Direction::Response);
            for (header, _) in object(response, "/headers") {
                if now
                    .get("headers")
                    .and_then(|headers| headers.get(header))
                    .is_none()
                {
                    self.found
                        .push(format!("{at}: header {header} was removed"));
                }
            }
        }
    }

    fn contents(&mut self, at: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        for (media_type, content) in object(old, "/content") {
            let at = format!("{at}, {media_type}");
            match new
                .get("content")
                .and_then(|contents| contents.get(media_type))
            {
                Some(now) => self.schemas(&at, content, now, direction),
                None => self.found.push(format!("{at} was removed")),
            }
        }
    }

    fn schemas(&mut self, at: &str, old: &'a Value, new: &'a Value, direction: Direction) {
        let (Some(old), Some(new)) = (old.get("schema"), new.get("schema")) else {
            return;
        };
        let schemas = Schemas::new(self.released, self.new, direction);
        schemas.compare(at, old, new, &mut self.found);
    }
}

/// Returns the parameters by name and location.
fn parameters<'a>(document: &'a Value, operation: &'a Value) -> Vec<(String, &'a Value)> {
    let list = operation.get("parameters").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|parameter| resolve(document, parameter))
        .map(|parameter| {
            (
                format!("{} ({})", text(parameter, "name"), text(parameter, "in")),
                parameter,
            )
        })
        .collect()
}

fn find<'a>(parameters: &[(String, &'a Value)], key: &str) -> Option<&'a Value> {
    let found = parameters.iter().find(|(other, _)| other == key);
    found.map(|(_, parameter)| *parameter)
}

fn is_required(value: &Value) -> bool {
    value.get("required") == Some(&Value::Bool(true))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the target of a `$ref` within the document, or the value itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value.get("$ref").and_then(Value::as_str);
    reference
        .and_then(|reference| document.pointer(reference.strip_prefix('#')?))
        .unwrap_or(value)
}

fn object<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let found = value.pointer(pointer).and_then(Value::as_object);
    found.into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests;
