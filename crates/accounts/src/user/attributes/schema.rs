//! Definitions of attributes: allowed values, readers and writers.
//!
//! A subset of JSON Schema (draft 2020-12), with three keywords of our own. A keyword outside of the subset is an error, so
//! that no rule is ignored. docs/decisions/0015-attributes.md has the reason for a subset.

mod token;

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
    /// True if access tokens contain the attribute.
    #[serde(rename = "x-token")]
    token: Option<bool>,
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
                if inner.write.is_some() || inner.read.is_some() || inner.token.is_some() {
                    return Err(format!(
                        "property {name}: x-read, x-write and x-token are for the whole attribute"
                    ));
                }
                items = inner.items.as_deref();
            }
        }
        schema.check_token_attributes()?;
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
mod tests;
