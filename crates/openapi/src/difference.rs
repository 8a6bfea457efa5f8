//! Differences between two JSON documents, by name.

use serde_json::Value;

/// Returns one line per member that was removed, added or changed from `old` to `new`. Items of
/// lists are identified by their `name` or `$ref` if they have one, so that a removed item does not
/// make all following items look changed.
pub fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    compare("", old, new, &mut lines);
    lines
}

fn compare(at: &str, old: &Value, new: &Value, lines: &mut Vec<String>) {
    if let (Some(old), Some(new)) = (members(old), members(new)) {
        for (name, value) in &old {
            let at = format!("{at}/{name}");
            match find(&new, name) {
                Some(other) => compare(&at, value, other, lines),
                None => lines.push(format!("removed: {at}")),
            }
        }
        let added = new.iter().filter(|(name, _)| find(&old, name).is_none());
        lines.extend(added.map(|(name, _)| format!("added: {at}/{name}")));
    } else if old != new {
        lines.push(format!("changed: {at}: {old} is now {new}"));
    }
}

fn find<'a>(members: &[(String, &'a Value)], name: &str) -> Option<&'a Value> {
    let found = members.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| *value)
}

/// Returns the members of an object, or of a list of objects, by name.
fn members(value: &Value) -> Option<Vec<(String, &Value)>> {
    match value {
        Value::Object(object) => {
            let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
            Some(
                object
                    .iter()
                    .map(|(name, value)| (escaped(name), value))
                    .collect(),
            )
        }
        Value::Array(list) if list.iter().all(Value::is_object) => {
            Some(list.iter().enumerate().map(named).collect())
        }
        _ => None,
    }
}

fn named((index, value): (usize, &Value)) -> (String, &Value) {
    let name = value.get("name").or_else(|| value.get("$ref"));
    match name.and_then(Value::as_str) {
        Some(name) => (name.replace('/', "~1"), value),
        None => (index.to_string(), value),
    }
}

#[cfg(test)]
mod tests {
    use super::differences;
    use serde_json::json;

    #[test]
    fn differences_are_reported_by_pointer() {
        let old = json!({
            "paths": { "/users": { "get": { "parameters": [{ "name": "a" }, { "name": "b" }] } } },
            "version": 1,
        });
        let new = json!({
            "paths": { "/users": { "get": { "parameters": [{ "name": "b" }], "tags": [] } } },
            "version": 2,
        });
        assert_eq!(
            differences(&old, &new),
            [
                "removed: /paths/~1users/get/parameters/a",
                "added: /paths/~1users/get/tags",
                "changed: /version: 1 is now 2",
            ]
        );
        assert!(differences(&old, &old).is_empty());
    }
}
