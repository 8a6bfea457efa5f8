//! Definitions of attributes: allowed values, readers and writers.
//!
//! A subset of JSON Schema (draft 2020-12), with two keywords of our own. A keyword outside of the subset is an error, so
//! that no rule is ignored. docs/decisions/0015-attributes.md has the reason for a subset.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Attributes, AttributesPatch, MAX_BYTES, check_name, has_zero, stored_bytes};
use crate::{Error, FieldError, Role, User};

/// Name of the field that errors are about.
const FIELD: &str = "attributes";

/// Definitions of all attributes: the setting `user_attributes`. Without one, an attribute is written by admins, read by
/// its user as well, and has any value.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    #[serde(rename = "title")]
    _title: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    #[serde(default)]
    properties: BTreeMap<String, Rules>,
    /// False if attributes without a definition are rejected.
    #[serde(rename = "additionalProperties")]
    additional: Option<bool>,
}

/// Rules of an attribute, or of the items of an array.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rules {
    #[serde(rename = "title")]
    _title: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    #[serde(rename = "enum")]
    allowed: Option<Vec<Value>>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    max_items: Option<usize>,
    items: Option<Box<Self>>,
    /// Writers besides admins and service accounts; none if omitted.
    #[serde(rename = "x-write")]
    write: Option<Audience>,
    /// Readers besides admins and service accounts; the user if omitted.
    #[serde(rename = "x-read")]
    read: Option<Audience>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Audience {
    #[serde(rename = "self")]
    Oneself,
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Number,
    Integer,
    Boolean,
    Array,
    Object,
}

impl Schema {
    /// Parses the setting; an empty text defines nothing.
    ///
    /// # Errors
    /// The reason, for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let schema: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if schema.kind.is_some_and(|kind| kind != Kind::Object) {
            return Err("type must be object".into());
        }
        for (name, rules) in &schema.properties {
            check_name(name).map_err(|detail| format!("property {name:?} {detail}"))?;
            let mut items = rules.items.as_deref();
            while let Some(inner) = items {
                if inner.write.is_some() || inner.read.is_some() {
                    return Err(format!(
                        "property {name}: x-read and x-write are for the whole attribute"
                    ));
                }
                items = inner.items.as_deref();
            }
        }
        Ok(schema)
    }

    /// Checks that `editor` may change these attributes, and their values.
    ///
    /// # Errors
    /// [`Error::Forbidden`], whether the values are valid or not; [`Error::Invalid`] with one error per attribute.
    pub fn patch_by(
        &self,
        editor: Role,
        sent: Map<String, Value>,
    ) -> Result<AttributesPatch, Error> {
        let is_own = |name: &String| {
            let rules = self.properties.get(name);
            rules.is_some_and(|rules| rules.write == Some(Audience::Oneself))
        };
        if editor != Role::Admin && !sent.keys().all(is_own) {
            return Err(Error::Forbidden);
        }
        self.patch(sent)
    }

    /// Returns the attributes of a new user, as the patch of an empty object makes them.
    ///
    /// # Errors
    /// [`Error::Invalid`] with one error per attribute.
    pub fn new_attributes(&self, sent: Map<String, Value>) -> Result<Attributes, Error> {
        let AttributesPatch(mut map) = self.patch(sent)?;
        remove_nulls(&mut map);
        Ok(Attributes(map))
    }

    /// Checks the values of attributes.
    fn patch(&self, sent: Map<String, Value>) -> Result<AttributesPatch, Error> {
        let invalid = sent.iter().filter_map(|(name, value)| {
            let detail = self.check(name, value).err()?;
            // A name that is no name could be any text.
            let member = check_name(name).is_ok().then(|| name.clone());
            Some(FieldError {
                member,
                ..FieldError::new(FIELD, detail)
            })
        });
        let errors: Vec<_> = invalid.collect();
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let patch = AttributesPatch(sent);
        match stored_bytes(&patch.0) <= MAX_BYTES {
            true => Ok(patch),
            false => Err(Error::attributes_too_large()),
        }
    }

    /// Checks the value of one attribute; `null` removes it.
    fn check(&self, name: &str, value: &Value) -> Result<(), &'static str> {
        check_name(name)?;
        if has_zero(value) {
            return Err("must not contain a zero character");
        }
        match self.properties.get(name) {
            Some(_) if value.is_null() => Ok(()),
            Some(rules) => rules.check(value),
            None if self.additional == Some(false) && !value.is_null() => Err("is not defined"),
            None => Ok(()),
        }
    }

    /// Returns the user without the attributes that `viewer` may not see.
    #[must_use]
    pub fn visible_to(&self, viewer: Role, mut user: User) -> User {
        let is_visible = |name: &str| {
            let rules = self.properties.get(name);
            rules.is_none_or(|rules| rules.read != Some(Audience::Admin))
        };
        if viewer != Role::Admin {
            let Attributes(map) = &mut user.attributes;
            map.retain(|name, _| is_visible(name));
        }
        user
    }
}

/// Removes the members that are `null`, also those of inner objects, but not items of arrays (RFC 7396).
fn remove_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    for value in members.values_mut() {
        if let Value::Object(inner) = value {
            remove_nulls(inner);
        }
    }
}

impl Rules {
    fn check(&self, value: &Value) -> Result<(), &'static str> {
        if let Some(kind) = self.kind {
            kind.check(value)?;
        }
        if self
            .allowed
            .as_ref()
            .is_some_and(|allowed| !allowed.contains(value))
        {
            return Err("must be one of the allowed values");
        }
        match value {
            Value::String(text) => check_bounds(
                text.chars().count(),
                self.min_length,
                self.max_length,
                ["is too short", "is too long"],
            ),
            Value::Number(number) => check_bounds(
                number.as_f64().unwrap_or(f64::NAN),
                self.minimum,
                self.maximum,
                ["is too small", "is too large"],
            ),
            Value::Array(items) => {
                if self.max_items.is_some_and(|most| items.len() > most) {
                    return Err("has too many items");
                }
                let rules = self.items.as_deref();
                items
                    .iter()
                    .try_for_each(|item| rules.map_or(Ok(()), |rules| rules.check(item)))
            }
            Value::Null | Value::Bool(_) | Value::Object(_) => Ok(()),
        }
    }
}

/// Checks a length or a number against its bounds; the details are those of a smaller and of a larger one.
fn check_bounds<T: PartialOrd>(
    value: T,
    least: Option<T>,
    most: Option<T>,
    [small, large]: [&'static str; 2],
) -> Result<(), &'static str> {
    if least.is_some_and(|least| value < least) {
        return Err(small);
    }
    match most.is_some_and(|most| value > most) {
        true => Err(large),
        false => Ok(()),
    }
}

impl Kind {
    fn check(self, value: &Value) -> Result<(), &'static str> {
        let (fits, detail) = match self {
            Self::String => (value.is_string(), "must be a string"),
            Self::Number => (value.is_number(), "must be a number"),
            Self::Integer => (is_integer(value), "must be an integer"),
            Self::Boolean => (value.is_boolean(), "must be true or false"),
            Self::Array => (value.is_array(), "must be an array"),
            Self::Object => (value.is_object(), "must be an object"),
        };
        if fits { Ok(()) } else { Err(detail) }
    }
}

/// Returns true for numbers without a fraction: `1.0` is an integer (JSON Schema, section 6.1.1).
fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
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
            Err(Error::Invalid(errors)) => {
                errors.into_iter().map(|e| (e.member, e.detail)).collect()
            }
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
        let sent =
            json!({ "a": null, "b": {"c": null, "d": {"e": null}, "f": [null, {"g": null}]} });
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
            r#"{"additionalProperties": {"type": "string"}}"#,
        ] {
            assert!(Schema::parse(bad).is_err(), "{bad}");
        }
    }
}
