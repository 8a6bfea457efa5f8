//! Conversions between the host's values and those of this crate.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};
use uuid::Uuid;

use crate::bindings::postgres as host;
use crate::postgres::{DatabaseError, Error, Param, Value};

type DateTimeParts = (i32, u8, u8, u8, u8, u8, u32);

pub(super) fn params(params: Vec<Param>) -> Result<Vec<host::ParameterValue>, Error> {
    params.into_iter().map(param).collect()
}

fn param(param: Param) -> Result<host::ParameterValue, Error> {
    use host::ParameterValue as To;
    Ok(match param {
        Param::Null => To::DbNull,
        Param::Bool(value) => To::Boolean(value),
        Param::Int16(value) => To::Int16(value),
        Param::Int32(value) => To::Int32(value),
        Param::Int64(value) => To::Int64(value),
        Param::Float64(value) => To::Floating64(value),
        Param::Text(value) => To::Str(value),
        Param::Bytes(value) => To::Binary(value),
        Param::Uuid(value) => To::Uuid(value.to_string()),
        Param::Timestamp(value) => To::Datetime(parts(value)),
        Param::Json(value) => To::Jsonb(
            serde_json::to_vec(&value).map_err(|error| Error::Parameter(error.to_string()))?,
        ),
        Param::Int64Array(items) => To::ArrayInt64(items.into_iter().map(Some).collect()),
        Param::TextArray(items) => To::ArrayStr(items.into_iter().map(Some).collect()),
    })
}

fn parts(instant: OffsetDateTime) -> DateTimeParts {
    let utc = instant.to_offset(UtcOffset::UTC);
    let (year, month, day) = utc.to_calendar_date();
    let (hour, minute, second, nanosecond) = utc.to_hms_nano();
    (year, u8::from(month), day, hour, minute, second, nanosecond)
}

fn instant(parts: DateTimeParts) -> Option<OffsetDateTime> {
    let (year, month, day, hour, minute, second, nanosecond) = parts;
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let time = Time::from_hms_nano(hour, minute, second, nanosecond).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

/// Converts the value of `column`. Invalid UUIDs, times and JSON from the host are errors.
pub(super) fn value(value: host::DbValue, column: &host::Column) -> Result<Value, Error> {
    use host::DbValue as From;
    let invalid = |what: &str| Error::Other(format!("column {}: invalid {what}", column.name));
    Ok(match value {
        From::DbNull => Value::Null,
        From::Boolean(value) => Value::Bool(value),
        From::Int16(value) => Value::Int16(value),
        From::Int32(value) => Value::Int32(value),
        From::Int64(value) => Value::Int64(value),
        From::Floating64(value) => Value::Float64(value),
        From::Str(value) => Value::Text(value),
        From::Binary(value) => Value::Bytes(value),
        From::Uuid(text) => Value::Uuid(Uuid::parse_str(&text).map_err(|_| invalid("uuid"))?),
        From::Datetime(parts) => {
            Value::Timestamp(instant(parts).ok_or_else(|| invalid("timestamp"))?)
        }
        From::Jsonb(text) => {
            Value::Json(serde_json::from_slice(&text).map_err(|_| invalid("jsonb"))?)
        }
        From::ArrayInt64(items) => Value::Int64Array(items),
        From::ArrayStr(items) => Value::TextArray(items),
        From::Int8(_)
        | From::Floating32(_)
        | From::Date(_)
        | From::Time(_)
        | From::Timestamp(_)
        | From::Decimal(_)
        | From::RangeInt32(_)
        | From::RangeInt64(_)
        | From::RangeDecimal(_)
        | From::ArrayInt32(_)
        | From::ArrayDecimal(_)
        | From::Interval(_)
        | From::Unsupported(_) => Value::Unsupported {
            type_name: type_name(&column.data_type),
        },
    })
}

/// Returns the Postgres name of a type that is not read here.
fn type_name(data_type: &host::DbDataType) -> String {
    match data_type {
        host::DbDataType::Other(name) => name.clone(),
        host::DbDataType::Decimal => "numeric".to_owned(),
        host::DbDataType::Floating32 => "real".to_owned(),
        host::DbDataType::Date => "date".to_owned(),
        host::DbDataType::Time => "time".to_owned(),
        host::DbDataType::Interval => "interval".to_owned(),
        host::DbDataType::ArrayInt32 => "integer[]".to_owned(),
        other => format!("{other:?}"),
    }
}

pub(super) fn error(error: host::Error) -> Error {
    match error {
        host::Error::ConnectionFailed(text) => Error::Connection(text),
        host::Error::BadParameter(text) => Error::Parameter(text),
        host::Error::QueryFailed(host::QueryError::Text(text)) => Error::from_driver_text(text),
        host::Error::QueryFailed(host::QueryError::DbError(report)) => {
            let mut extras = report.extras.into_iter();
            let constraint = extras.find(|(name, _)| name == "constraint");
            Error::Database(DatabaseError {
                sqlstate: report.code,
                constraint: constraint.map(|(_, value)| value),
                severity: report.severity,
                message: report.message,
            })
        }
        host::Error::ValueConversionFailed(text) | host::Error::Other(text) => Error::Other(text),
    }
}
