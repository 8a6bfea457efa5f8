//! Tests of definitions: values, writers, readers, tokens.

use serde_json::json;

use super::*;

const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "department": {"type": "string", "enum": ["Sales", "IT"]},
        "nickname": {"type": "string", "minLength": 2, "maxLength": 5, "x-write": "self"},
        "level": {"type": "integer", "minimum": 1, "maximum": 9, "x-read": "admin"},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string"}, "x-write": "self"},
        "remote": {"type": "boolean"},
        "rate": {"type": "number"},
        "address": {"type": "object"}
    },
    "additionalProperties": false
}"#;

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Returns the members and details of the errors.
fn errors(schema: &Schema, value: Value) -> Vec<(Option<String>, &'static str)> {
    match schema.patch(map(value)) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(errors)) => errors.into_iter().map(|e| (e.member, e.detail)).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn values_are_checked_by_their_definition() {
    let schema = Schema::parse(SCHEMA).unwrap();
    let good = json!({ "department": "IT", "nickname": "Ada", "level": 9.0, "tags": ["a"], "remote": true,
        "rate": 1.5, "address": {"city": null} });
    assert_eq!(errors(&schema, good), []);
    let none = json!({ "department": null, "level": null, "unknown": null });
    assert_eq!(errors(&schema, none), [], "null removes an attribute");
    for (name, value, detail) in [
        (
            "department",
            json!("HR"),
            "must be one of the allowed values",
        ),
        ("nickname", json!(7), "must be a string"),
        ("nickname", json!("A"), "is too short"),
        ("nickname", json!("\u{e9}".repeat(6)), "is too long"),
        ("level", json!(0), "is too small"),
        ("level", json!(10), "is too large"),
        ("level", json!(1.5), "must be an integer"),
        ("tags", json!(["a", "b", "c"]), "has too many items"),
        ("tags", json!([1]), "must be a string"),
        ("remote", json!("true"), "must be true or false"),
        ("rate", json!("1"), "must be a number"),
        ("address", json!([]), "must be an object"),
        ("tags", json!(["\0"]), "must not contain a zero character"),
        ("unknown", json!(1), "is not defined"),
    ] {
        let expected = [(Some(name.to_owned()), detail)];
        assert_eq!(errors(&schema, json!({ name: value })), expected);
    }
    let two = json!({ "rate": "a", "remote": 1 });
    assert_eq!(errors(&schema, two).len(), 2);
    let unnamed = errors(&schema, json!({ "a/b~": 1 }));
    assert_eq!(unnamed[0].0, None);
}

#[test]
fn without_definitions_every_value_is_allowed_up_to_the_size() {
    let schema = Schema::parse("").unwrap();
    assert_eq!(errors(&schema, json!({ "a": {"b": [1, {"c": null}]} })), []);
    let fits = "x".repeat(MAX_BYTES - r#"{"a": ""}"#.len());
    assert_eq!(errors(&schema, json!({ "a": fits })), []);
    let exceeds = errors(&schema, json!({ "a": format!("{fits}x") }));
    assert_eq!(exceeds, [(None, "must have at most 8 KiB as JSON")]);
}

#[test]
fn a_new_user_has_no_members_that_are_null() {
    let sent = json!({ "a": null, "b": {"c": null, "d": {"e": null}, "f": [null, {"g": null}]} });
    let attributes = Schema::default().new_attributes(map(sent)).unwrap();
    let expected = json!({ "b": {"d": {}, "f": [null, {"g": null}]} });
    assert_eq!(serde_json::to_value(attributes).unwrap(), expected);
}

#[test]
fn users_write_only_what_is_theirs() {
    let schema = Schema::parse(SCHEMA).unwrap();
    for (sent, expected) in [
        (json!({ "nickname": "Ada", "tags": null }), None),
        (json!({ "nickname": 1 }), Some(false)),
        (json!({ "nickname": "Ada", "level": 3 }), Some(true)),
        (json!({ "department": null }), Some(true)),
        (json!({ "unknown": 1 }), Some(true)),
    ] {
        let error = schema.patch_by(Role::User, map(sent.clone())).err();
        let is_forbidden = error.map(|error| error == Error::Forbidden);
        assert_eq!(is_forbidden, expected, "{sent}");
        assert_ne!(
            schema.patch_by(Role::Admin, map(sent)),
            Err(Error::Forbidden)
        );
    }
}

#[test]
fn rules_that_would_be_ignored_are_errors() {
    for bad in [
        "[]",
        "{",
        r#"{"type": "array"}"#,
        r#"{"required": ["a"]}"#,
        r#"{"properties": {"a": {"pattern": "^a"}}}"#,
        r#"{"properties": {"a": {"type": ["string", "null"]}}}"#,
        r#"{"properties": {"a": {"x-write": "everyone"}}}"#,
        r#"{"properties": {"a b": {}}}"#,
        r#"{"properties": {"a": {"items": {"x-read": "admin"}}}}"#,
        r#"{"properties": {"a": {"items": {"x-token": true}}}}"#,
        r#"{"additionalProperties": {"type": "string"}}"#,
    ] {
        assert!(Schema::parse(bad).is_err(), "{bad}");
    }
}

/// Returns the definitions of attributes, all of them in tokens.
fn in_tokens(properties: &[(&str, Value)]) -> String {
    let properties = properties.iter().map(|(name, rules)| {
        let mut rules = map(rules.clone());
        rules.insert("x-token".into(), json!(true));
        ((*name).to_owned(), Value::Object(rules))
    });
    json!({ "properties": properties.collect::<Map<_, _>>() }).to_string()
}

#[test]
fn tokens_contain_the_valid_values_of_listed_attributes() {
    let schema = in_tokens(&[
        ("department", json!({ "enum": ["Sales", "IT"] })),
        ("level", json!({ "type": "integer", "maximum": 9 })),
        ("remote", json!({ "type": "boolean", "x-write": "self" })),
    ]);
    let schema = Schema::parse(&schema).unwrap();
    let stored = json!({ "department": "IT", "level": 12, "nickname": "Ada", "remote": false });
    let found = schema.for_token(&Attributes(map(stored.clone())));
    assert_eq!(
        serde_json::to_value(found).unwrap(),
        json!({ "department": "IT", "remote": false })
    );
    let none = Schema::default().for_token(&Attributes(map(stored)));
    assert!(none.is_empty());
}

#[test]
fn attributes_of_tokens_are_readable_and_bounded() {
    let text = |length: usize| json!({ "type": "string", "maxLength": length });
    for rules in [
        json!({}),
        json!({ "type": "string" }),
        json!({ "type": "array", "maxItems": 1 }),
        json!({ "type": "object" }),
        json!({ "type": "boolean", "x-read": "admin" }),
        json!({ "enum": ["x".repeat(1024)] }),
        text(170),
        text(usize::MAX),
    ] {
        let schema = in_tokens(&[("a", rules)]);
        assert!(Schema::parse(&schema).is_err(), "{schema}");
    }
    let many = [("a", text(60)), ("b", text(60)), ("c", text(60))];
    assert!(Schema::parse(&in_tokens(&many)).is_err());

    let schema = in_tokens(&[("a", text(164)), ("b", json!({ "type": "number" }))]);
    let schema = Schema::parse(&schema).unwrap();
    let largest = json!({ "a": "\u{1f}".repeat(164), "b": -2.225_073_858_507_201_4e-308 });
    let found = schema.for_token(&Attributes(map(largest.clone())));
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), largest);
    assert!((1000..=1024).contains(&text.len()), "{}", text.len());
}
