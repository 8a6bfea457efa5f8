//! Parameters of statements and values of results.

use serde_json::Value as Json;
use time::OffsetDateTime;
use uuid::Uuid;

/// A parameter of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// NULL of any type.
    Null,
    Bool(bool),
    /// `smallint`
    Int16(i16),
    /// `integer`
    Int32(i32),
    /// `bigint`
    Int64(i64),
    /// `double precision`
    Float64(f64),
    /// `text`, `varchar`, `char(n)`
    Text(String),
    /// `bytea`
    Bytes(Vec<u8>),
    Uuid(Uuid),
    /// Sent as `timestamp` (without time zone) in UTC.
    Timestamp(OffsetDateTime),
    /// `jsonb`
    Json(Json),
    /// `bigint[]`
    Int64Array(Vec<i64>),
    /// `text[]`
    TextArray(Vec<String>),
}

macro_rules! param_from {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for Param {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

param_from!(
    bool => Bool,
    i16 => Int16,
    i32 => Int32,
    i64 => Int64,
    f64 => Float64,
    String => Text,
    Vec<u8> => Bytes,
    Uuid => Uuid,
    OffsetDateTime => Timestamp,
    Json => Json,
    Vec<i64> => Int64Array,
    Vec<String> => TextArray,
);

impl From<&str> for Param {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl<T: Into<Param>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A value of a result column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// `smallint`
    Int16(i16),
    /// `integer`
    Int32(i32),
    /// `bigint`
    Int64(i64),
    /// `double precision`
    Float64(f64),
    /// `text`, `varchar`, `char(n)`
    Text(String),
    /// `bytea`
    Bytes(Vec<u8>),
    Uuid(Uuid),
    /// `timestamp` (without time zone), read as UTC.
    Timestamp(OffsetDateTime),
    /// `jsonb`
    Json(Json),
    /// `bigint[]`
    Int64Array(Vec<Option<i64>>),
    /// `text[]`, `varchar[]`
    TextArray(Vec<Option<String>>),
    /// A type that is not read here; the statement must cast it to one that is.
    Unsupported {
        type_name: String,
    },
}

impl Value {
    /// Returns the Postgres name of the value's type.
    pub fn type_name(&self) -> &str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "boolean",
            Self::Int16(_) => "smallint",
            Self::Int32(_) => "integer",
            Self::Int64(_) => "bigint",
            Self::Float64(_) => "double precision",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytea",
            Self::Uuid(_) => "uuid",
            Self::Timestamp(_) => "timestamp",
            Self::Json(_) => "jsonb",
            Self::Int64Array(_) => "bigint[]",
            Self::TextArray(_) => "text[]",
            Self::Unsupported { type_name } => type_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_values_become_parameters() {
        assert_eq!(Param::from("a"), Param::Text("a".into()));
        assert_eq!(Param::from(7_i16), Param::Int16(7));
        assert_eq!(Param::from(7_i32), Param::Int32(7));
        assert_eq!(Param::from(7_i64), Param::Int64(7));
        assert_eq!(Param::from(vec![1_u8, 2]), Param::Bytes(vec![1, 2]));
        assert_eq!(Param::from(vec![1_i64, 2]), Param::Int64Array(vec![1, 2]));
        assert_eq!(Param::from(Uuid::nil()), Param::Uuid(Uuid::nil()));
    }

    #[test]
    fn options_become_null_or_their_value() {
        assert_eq!(Param::from(None::<String>), Param::Null);
        assert_eq!(Param::from(Some("a")), Param::Text("a".into()));
        assert_eq!(Param::from(Some(vec![1_i64])), Param::Int64Array(vec![1]));
    }
}
