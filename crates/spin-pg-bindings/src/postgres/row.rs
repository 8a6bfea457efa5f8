//! Rows, and the conversion of their columns to Rust values.

use std::sync::Arc;

use serde_json::Value as Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Error, Value};

/// One row of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    /// Creates a row of `values` named by `columns`, in the same order. The rows of one result share the
    /// names.
    pub fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// Returns the value of `column` as `T`. The type must match exactly: an `integer` is not an `i64`,
    /// and a nullable column is read as `Option<T>`.
    ///
    /// # Errors
    /// [`Error::MissingColumn`], and [`Error::Decode`] when the type does not match.
    pub fn get<T: FromValue>(&self, column: &str) -> Result<T, Error> {
        let value = self
            .columns
            .iter()
            .position(|name| name == column)
            .and_then(|index| self.values.get(index))
            .ok_or_else(|| Error::MissingColumn {
                column: column.to_owned(),
            })?;
        T::from_value(value).ok_or_else(|| Error::Decode {
            column: column.to_owned(),
            expected: T::EXPECTED,
            found: value.type_name().to_owned(),
        })
    }
}

/// Conversion of a whole row.
pub trait FromRow: Sized {
    /// # Errors
    /// Those of [`Row::get`], and [`Error::Other`] for an invalid value.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

/// Conversion of the value of a column.
pub trait FromValue: Sized {
    /// Expected Postgres type, for errors.
    const EXPECTED: &'static str;

    /// Converts the value; `None` when the type does not match.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($into:ty: $expected:literal, $pattern:pat => $value:expr;)*) => {$(
        impl FromValue for $into {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $value,
                    _ => None,
                }
            }
        }
    )*};
}

from_value! {
    bool: "boolean", Value::Bool(value) => Some(*value);
    i16: "smallint", Value::Int16(value) => Some(*value);
    i32: "integer", Value::Int32(value) => Some(*value);
    i64: "bigint", Value::Int64(value) => Some(*value);
    f64: "double precision", Value::Float64(value) => Some(*value);
    String: "text", Value::Text(value) => Some(value.clone());
    Vec<u8>: "bytea", Value::Bytes(value) => Some(value.clone());
    Uuid: "uuid", Value::Uuid(value) => Some(*value);
    OffsetDateTime: "timestamp", Value::Timestamp(value) => Some(*value);
    Json: "jsonb", Value::Json(value) => Some(value.clone());
    Vec<i64>: "bigint[] without NULL", Value::Int64Array(items) => items.iter().copied().collect();
    Vec<String>: "text[] without NULL", Value::TextArray(items) => items.iter().cloned().collect();
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Value) -> Row {
        Row::new(Arc::from(["c".to_owned()]), vec![value])
    }

    #[test]
    fn values_are_read_by_name() {
        assert_eq!(row(Value::Int64(7)).get::<i64>("c").unwrap(), 7);
        assert_eq!(
            row(Value::Text("a".into())).get::<String>("c").unwrap(),
            "a"
        );
        assert_eq!(row(Value::Bytes(vec![1])).get::<Vec<u8>>("c").unwrap(), [1]);
        assert_eq!(row(Value::Null).get::<Option<Uuid>>("c").unwrap(), None);
        assert_eq!(
            row(Value::Bool(true)).get::<Option<bool>>("c").unwrap(),
            Some(true)
        );
        let array = row(Value::Int64Array(vec![Some(1), Some(2)]));
        assert_eq!(array.get::<Vec<i64>>("c").unwrap(), [1, 2]);
    }

    #[test]
    fn a_missing_column_is_a_distinct_error() {
        let error = row(Value::Null).get::<i64>("other").unwrap_err();
        assert!(matches!(error, Error::MissingColumn { column } if column == "other"));
    }

    #[test]
    fn a_type_mismatch_names_column_and_types() {
        for (value, found) in [
            (Value::Int32(1), "integer"),
            (Value::Null, "NULL"),
            (
                Value::Unsupported {
                    type_name: "inet".into(),
                },
                "inet",
            ),
        ] {
            let error = row(value).get::<i64>("c").unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("column c is {found}, expected bigint")
            );
        }
        let array = row(Value::TextArray(vec![None]))
            .get::<Vec<String>>("c")
            .unwrap_err();
        assert!(matches!(array, Error::Decode { .. }));
    }
}
