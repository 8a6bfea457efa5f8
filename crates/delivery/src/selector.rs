//! Label selectors with the semantics of Kubernetes.

use serde_json::Value;

use crate::object::{Labels, labels, list, text, texts};

/// Returns true if a LabelSelector selects an object with these labels. An empty selector selects
/// everything, a missing one nothing.
pub fn selects(selector: &Value, of: &Labels) -> bool {
    selector.is_object()
        && contains(of, &labels(&selector["matchLabels"]))
        && list(&selector["matchExpressions"])
            .iter()
            .all(|expression| holds(expression, of))
}

/// Returns true if all wanted labels are present with these values.
pub fn contains(of: &Labels, wanted: &Labels) -> bool {
    wanted
        .iter()
        .all(|(name, value)| of.get(name) == Some(value))
}

fn holds(expression: &Value, of: &Labels) -> bool {
    let value = of.get(text(&expression["key"]));
    let listed =
        value.is_some_and(|value| texts(&expression["values"]).any(|other| other == value));
    match text(&expression["operator"]) {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_requires_every_condition() {
        let of = labels(&json!({"app": "users", "tier": "api"}));
        let cases = [
            (json!({}), true),
            (json!(null), false),
            (json!({"matchLabels": {"app": "users"}}), true),
            (
                json!({"matchLabels": {"app": "users", "tier": "store"}}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["api", "web"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["api"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}),
                true,
            ),
        ];
        for (selector, selected) in cases {
            assert_eq!(selects(&selector, &of), selected, "{selector}");
        }
    }
}
