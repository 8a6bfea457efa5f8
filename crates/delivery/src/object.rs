//! Rendered Kubernetes object, and accessors for JSON of unknown structure: a missing value reads as
//! empty, because the schemas define what is required.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde_json::Value;

/// Labels, or required labels.
pub type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub struct Object(Value);

impl Object {
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    pub fn value(&self) -> &Value {
        &self.0
    }

    pub fn value_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    pub fn api_version(&self) -> &str {
        text(&self.0["apiVersion"])
    }

    /// Returns the API group; the core group is empty.
    pub fn group(&self) -> &str {
        self.api_version()
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    pub fn kind(&self) -> &str {
        text(&self.0["kind"])
    }

    pub fn name(&self) -> &str {
        text(&self.0["metadata"]["name"])
    }

    pub fn labels(&self) -> Labels {
        labels(&self.0["metadata"]["labels"])
    }

    pub fn spec(&self) -> &Value {
        &self.0["spec"]
    }

    pub fn is(&self, kind: &str, name: &str) -> bool {
        self.kind() == kind && self.name() == name
    }
}

impl Display for Object {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// Returns the string, or an empty one.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the items of the list, or none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the items of a list as strings.
pub fn texts(value: &Value) -> impl Iterator<Item = &str> {
    list(value).iter().map(text)
}

/// Returns the names and values of the object, or none.
pub fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

/// Returns the members of an object as strings.
pub fn labels(value: &Value) -> Labels {
    members(value)
        .map(|(name, value)| (name.to_owned(), text(value).to_owned()))
        .collect()
}
