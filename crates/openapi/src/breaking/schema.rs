//! Compares schemas: a request's must still allow, and a response's still promise, what it did before.

use serde_json::Value;

use super::{object, resolve};

/// Direction of the data that the schema describes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From clients: everything that was allowed must stay allowed.
    Request,
    /// From the server: everything that was promised must stay true.
    Response,
}

/// Documents that contain the two schemas.
pub struct Schemas<'a> {
    released: &'a Value,
    new: &'a Value,
    direction: Direction,
}

/// Bounds, with true when a larger value allows more.
const BOUNDS: [(&str, bool); 6] = [
    ("maximum", true),
    ("maxLength", true),
    ("maxItems", true),
    ("minimum", false),
    ("minLength", false),
    ("minItems", false),
];

impl<'a> Schemas<'a> {
    pub fn new(released: &'a Value, new: &'a Value, direction: Direction) -> Self {
        Self {
            released,
            new,
            direction,
        }
    }

    /// Reports the changes between `old` and `new`, each of its own document, that break a client.
    pub fn compare(&self, at: &str, old: &'a Value, new: &'a Value, found: &mut Vec<String>) {
        let (old, new) = (resolve(self.released, old), resolve(self.new, new));
        self.types(at, old, new, found);
        self.values(at, old, new, found);
        self.properties(at, old, new, found);
        match (old.get("items"), new.get("items")) {
            (Some(old), Some(new)) => self.compare(&format!("{at}[]"), old, new, found),
            (None, Some(_)) | (Some(_), None) => found.push(format!("{at}: items changed")),
            (None, None) => {}
        }
        for keyword in ["allOf", "oneOf", "anyOf"] {
            self.alternatives(at, keyword, old, new, found);
        }
    }

    /// Compares `type`: requests may allow more types, responses may have fewer.
    fn types(&self, at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
        let (before, now) = (types(old), types(new));
        let (narrow, wide) = match self.direction {
            Direction::Request => (&before, &now),
            Direction::Response => (&now, &before),
        };
        let fits =
            |name: &&str| wide.contains(name) || (**name == *"integer" && wide.contains(&"number"));
        if !wide.is_empty() && (narrow.is_empty() || !narrow.iter().all(fits)) {
            found.push(format!("{at}: the type changed from {before:?} to {now:?}"));
        }
    }

    /// Compares `enum`, `format`, `pattern` and bounds of requests, which may not lose enum values.
    /// Responses may gain enum values, which clients are documented to expect.
    fn values(&self, at: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
        if self.direction == Direction::Response {
            return;
        }
        let names = |schema: &'_ Value| schema.get("enum").and_then(Value::as_array).cloned();
        match (names(old), names(new)) {
            (Some(before), Some(now)) => {
                let gone = before.iter().filter(|name| !now.contains(name));
                found.extend(gone.map(|name| format!("{at}: {name} is no longer allowed")));
            }
            (None, Some(_)) => found.push(format!("{at}: only some values are still allowed")),
            (_, None) => {}
        }
        for keyword in ["format", "pattern"] {
            if let Some(now) = new.get(keyword)
                && old.get(keyword) != Some(now)
            {
                found.push(format!("{at}: now requires the {keyword} {now}"));
            }
        }
        for (keyword, larger_is_freer) in BOUNDS {
            let bound = |schema: &Value| schema.get(keyword).and_then(Value::as_f64);
            let stricter = match (bound(old), bound(new)) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(before), Some(now)) if larger_is_freer => now < before,
                (Some(before), Some(now)) => now > before,
            };
            if stricter {
                found.push(format!("{at}: {keyword} is stricter"));
            }
        }
    }

    fn properties(&self, at: &str, old: &'a Value, new: &'a Value, found: &mut Vec<String>) {
        for (name, property) in object(old, "/properties") {
            let at = format!("{at}.{name}");
            let now = new.get("properties").and_then(|all| all.get(name));
            let Some(now) = now else {
                found.push(format!("{at} was removed"));
                continue;
            };
            self.compare(&at, property, now, found);
            match (
                self.direction,
                is_required(old, name),
                is_required(new, name),
            ) {
                (Direction::Request, false, true) => found.push(format!("{at} is now required")),
                (Direction::Response, true, false) => {
                    found.push(format!("{at} is no longer always present"));
                }
                _ => {}
            }
        }
        if self.direction == Direction::Request {
            let added = object(new, "/properties").filter(|(name, _)| {
                is_required(new, name)
                    && old
                        .pointer("/properties")
                        .is_none_or(|p| p.get(*name).is_none())
            });
            found.extend(added.map(|(name, _)| format!("{at}.{name} is new and required")));
        }
    }

    /// Compares alternatives by position; reordering them may be reported and needs a review.
    fn alternatives(
        &self,
        at: &str,
        keyword: &str,
        old: &'a Value,
        new: &'a Value,
        found: &mut Vec<String>,
    ) {
        let list = |schema: &'a Value| schema.get(keyword).and_then(Value::as_array);
        match (list(old), list(new)) {
            (Some(before), Some(now)) if before.len() == now.len() => {
                for (before, now) in before.iter().zip(now) {
                    self.compare(at, before, now, found);
                }
            }
            (None, None) => {}
            _ => found.push(format!("{at}: {keyword} changed")),
        }
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|other| other == name))
}
