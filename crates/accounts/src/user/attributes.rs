//! Attributes: values of a deployment's own, as one JSON object per user.

pub mod schema;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spin_pg_bindings::postgres;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Maximum size of the stored object as JSON text, in bytes. The database checks it (`users_attributes_check`).
pub const MAX_BYTES: usize = 8 * 1024;

/// Stored attributes: an object of at most [`MAX_BYTES`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Map<String, Value>);

impl Attributes {
    /// Reads a column of type `jsonb`.
    pub(crate) fn stored(value: Value) -> Result<Self, postgres::Error> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            _ => Err(postgres::Error::Other(
                "stored attributes are invalid".into(),
            )),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the object as the parameter of a statement; `None` if it is empty.
    pub(crate) fn to_json(&self) -> Option<Value> {
        non_empty(&self.0)
    }
}

/// By hand, because the derived schema of a map describes its values.
impl PartialSchema for Attributes {
    fn schema() -> RefOr<utoipa::openapi::Schema> {
        let object = ObjectBuilder::new()
            .description(Some(
                "Values that the deployment defines, by names of 1 to 64 ASCII letters, digits, `_` and `-`; at most \
                 8 KiB as JSON.",
            ))
            .additional_properties(Some(AdditionalProperties::<utoipa::openapi::Schema>::FreeForm(true)))
            .examples([serde_json::json!({ "department": "Sales" })]);
        object.into()
    }
}

impl ToSchema for Attributes {
    fn name() -> Cow<'static, str> {
        "Attributes".into()
    }
}

/// Merge patch of attributes (RFC 7396), whose values are checked; empty for no change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributesPatch(Map<String, Value>);

impl AttributesPatch {
    /// Returns the patch as the parameter of a statement; `None` for no change.
    pub(crate) fn to_json(&self) -> Option<Value> {
        non_empty(&self.0)
    }
}

fn non_empty(members: &Map<String, Value>) -> Option<Value> {
    (!members.is_empty()).then(|| Value::Object(members.clone()))
}

/// Checks the name of an attribute: 1 to 64 ASCII letters, digits, `_` and `-`, of which the first is a letter.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let starts = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    match starts && name.len() <= 64 && name.bytes().all(is_inner) {
        true => Ok(()),
        false => Err(
            "must have a name of 1 to 64 ASCII letters, digits, `_` and `-`, beginning with a letter",
        ),
    }
}

/// Returns true if a value contains a zero character, which Postgres cannot store.
fn has_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_zero),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_zero(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns at least the size of the JSON text that Postgres prints for the object.
fn stored_bytes(members: &Map<String, Value>) -> usize {
    let inner = members
        .iter()
        .map(|(name, value)| text_bytes(name) + 2 + value_bytes(value));
    2 + inner.sum::<usize>() + 2 * members.len().saturating_sub(1)
}

fn value_bytes(value: &Value) -> usize {
    /// Digits of the longest number of type `f64` without an exponent.
    const LONGEST_NUMBER: usize = 400;
    match value {
        Value::Null => 4,
        Value::Bool(_) => 5,
        Value::Number(number) => {
            let text = number.to_string();
            if text.contains('e') {
                LONGEST_NUMBER
            } else {
                text.len()
            }
        }
        Value::String(text) => text_bytes(text),
        Value::Array(items) => {
            let inner: usize = items.iter().map(value_bytes).sum();
            2 + inner + 2 * items.len().saturating_sub(1)
        }
        Value::Object(members) => stored_bytes(members),
    }
}

fn text_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

/// Filter of a list: users whose attribute `name` equals `value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeFilter {
    name: String,
    value: String,
}

impl AttributeFilter {
    /// `value` is text, or a number, `true` or `false` as JSON.
    pub fn parse(name: &str, value: &str) -> Result<Self, &'static str> {
        check_name(name)?;
        match value.contains('\0') {
            true => Err("must not contain a zero character"),
            false => Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
        }
    }

    /// Returns the objects of which a user's attributes contain one: with the text, and with the number or truth value
    /// that the text denotes, if it does.
    pub(crate) fn objects(&self) -> [Value; 2] {
        let text = Value::String(self.value.clone());
        let denoted = serde_json::from_str(&self.value).ok();
        let denoted = denoted.filter(|value: &Value| value.is_number() || value.is_boolean());
        let object = |value| Value::Object(Map::from_iter([(self.name.clone(), value)]));
        [
            object(denoted.unwrap_or_else(|| text.clone())),
            object(text),
        ]
    }

    /// Part of the context of a cursor.
    pub(crate) fn context(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_bounded() {
        for name in ["a", "costCentre", "cost_centre-2", &"a".repeat(64)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "2a",
            "_a",
            "a b",
            "a.b",
            "a/b",
            "\u{e9}",
            &"a".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_filter_matches_text_and_what_it_denotes() {
        let objects = |value| AttributeFilter::parse("a", value).unwrap().objects();
        assert_eq!(objects("7"), [json!({ "a": 7 }), json!({ "a": "7" })]);
        assert_eq!(
            objects("true"),
            [json!({ "a": true }), json!({ "a": "true" })]
        );
        for text in ["Sales", "null", "[1]", "{}", "\"a\"", ""] {
            assert_eq!(objects(text), [json!({ "a": text }), json!({ "a": text })]);
        }
        assert!(AttributeFilter::parse("a.b", "x").is_err());
        assert!(AttributeFilter::parse("a", "\0").is_err());
    }
}
