//! Type table between Postgres and the interface: types of columns and of parameters.
//!
//! It is the table of Spin 4.1, including its failures: a `timestamptz` column fails, because the
//! driver does not read it as the interface's time without zone, and every type without a line here is
//! `unsupported`. Numbers of any precision, ranges and intervals, which no component here uses, are
//! errors instead of values.

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};
use uuid::Uuid;

use super::raw::{Null, Raw};
use crate::bindings::postgres::{DbDataType, DbValue, ParameterValue};

/// Returns the interface's name for the type of a column.
pub fn data_type(column: &Type) -> DbDataType {
    match *column {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_RANGE => DbDataType::RangeInt32,
        Type::INT8_RANGE => DbDataType::RangeInt64,
        Type::NUM_RANGE => DbDataType::RangeDecimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(column.name().to_owned()),
    }
}

/// Returns all values of a row.
///
/// # Errors
/// Returns an error if the driver cannot read a column as its type in the table.
pub fn row_values(row: &Row) -> Result<Vec<DbValue>> {
    (0..row.len()).map(|index| value(row, index)).collect()
}

fn value(row: &Row, index: usize) -> Result<DbValue> {
    let column = row.columns().get(index).context("no such column")?;
    let row = (row, index);
    match *column.type_() {
        Type::BOOL => plain(row, DbValue::Boolean),
        Type::BYTEA => plain(row, DbValue::Binary),
        Type::FLOAT4 => plain(row, DbValue::Floating32),
        Type::FLOAT8 => plain(row, DbValue::Floating64),
        Type::INT2 => plain(row, DbValue::Int16),
        Type::INT4 => plain(row, DbValue::Int32),
        Type::INT8 => plain(row, DbValue::Int64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => plain(row, DbValue::Str),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => converted(row, |at: NaiveDateTime| {
            let ((year, month, day), (hour, minute, second, nanos)) =
                (date(at.date())?, time(at.time())?);
            Ok(DbValue::Datetime((
                year, month, day, hour, minute, second, nanos,
            )))
        }),
        Type::DATE => converted(row, |day| Ok(DbValue::Date(date(day)?))),
        Type::TIME => converted(row, |at| Ok(DbValue::Time(time(at)?))),
        Type::UUID => plain(row, |id: Uuid| DbValue::Uuid(id.to_string())),
        Type::JSONB => converted(row, |json: serde_json::Value| {
            Ok(DbValue::Jsonb(serde_json::to_vec(&json)?))
        }),
        Type::INT4_ARRAY => plain(row, DbValue::ArrayInt32),
        Type::INT8_ARRAY => plain(row, DbValue::ArrayInt64),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => {
            plain(row, DbValue::ArrayStr)
        }
        Type::NUMERIC
        | Type::NUMERIC_ARRAY
        | Type::INT4_RANGE
        | Type::INT8_RANGE
        | Type::NUM_RANGE
        | Type::INTERVAL => bail!("devhost has no values of the type {}", column.type_()),
        _ => plain(row, |raw: Raw| DbValue::Unsupported(raw.0)),
    }
}

fn plain<'a, T: FromSql<'a>>(
    cell: (&'a Row, usize),
    wrap: impl Fn(T) -> DbValue,
) -> Result<DbValue> {
    converted(cell, |value| Ok(wrap(value)))
}

fn converted<'a, T: FromSql<'a>>(
    (row, index): (&'a Row, usize),
    convert: impl Fn(T) -> Result<DbValue>,
) -> Result<DbValue> {
    match row.try_get::<_, Option<T>>(index)? {
        Some(value) => convert(value),
        None => Ok(DbValue::DbNull),
    }
}

fn date(day: NaiveDate) -> Result<(i32, u8, u8)> {
    Ok((day.year(), day.month().try_into()?, day.day().try_into()?))
}

fn time(at: NaiveTime) -> Result<(u8, u8, u8, u32)> {
    let (hour, minute) = (at.hour().try_into()?, at.minute().try_into()?);
    Ok((hour, minute, at.second().try_into()?, at.nanosecond()))
}

/// A value as the driver sends it.
pub type Parameter = Box<dyn ToSql + Send + Sync>;

/// Converts parameters of the interface to those of the driver.
///
/// # Errors
/// Returns an error if a text is not the date, uuid or JSON that its type requires, and for types without values here.
pub fn parameters(values: &[ParameterValue]) -> Result<Vec<Parameter>> {
    values.iter().map(parameter).collect()
}

fn parameter(value: &ParameterValue) -> Result<Parameter> {
    Ok(match value {
        ParameterValue::Boolean(v) => Box::new(*v),
        ParameterValue::Int8(v) => Box::new(*v),
        ParameterValue::Int16(v) => Box::new(*v),
        ParameterValue::Int32(v) => Box::new(*v),
        ParameterValue::Int64(v) => Box::new(*v),
        ParameterValue::Floating32(v) => Box::new(*v),
        ParameterValue::Floating64(v) => Box::new(*v),
        ParameterValue::Str(v) => Box::new(v.clone()),
        ParameterValue::Binary(v) => Box::new(v.clone()),
        ParameterValue::Date((year, month, day)) => Box::new(to_date(*year, *month, *day)?),
        ParameterValue::Time((hour, minute, second, nanos)) => {
            Box::new(to_time(*hour, *minute, *second, *nanos)?)
        }
        ParameterValue::Datetime((year, month, day, hour, minute, second, nanos)) => {
            let day = to_date(*year, *month, *day)?;
            Box::new(day.and_time(to_time(*hour, *minute, *second, *nanos)?))
        }
        ParameterValue::Timestamp(seconds) => Box::new(
            DateTime::<Utc>::from_timestamp(*seconds, 0)
                .with_context(|| format!("invalid epoch timestamp {seconds}"))?,
        ),
        ParameterValue::Uuid(v) => {
            Box::new(Uuid::parse_str(v).with_context(|| format!("invalid UUID {v}"))?)
        }
        ParameterValue::Jsonb(v) => Box::new(
            serde_json::from_slice::<serde_json::Value>(v)
                .with_context(|| format!("invalid JSON {}", String::from_utf8_lossy(v)))?,
        ),
        ParameterValue::ArrayInt32(v) => Box::new(v.clone()),
        ParameterValue::ArrayInt64(v) => Box::new(v.clone()),
        ParameterValue::ArrayStr(v) => Box::new(v.clone()),
        ParameterValue::DbNull => Box::new(Null),
        ParameterValue::Decimal(_)
        | ParameterValue::ArrayDecimal(_)
        | ParameterValue::RangeInt32(_)
        | ParameterValue::RangeInt64(_)
        | ParameterValue::RangeDecimal(_)
        | ParameterValue::Interval(_) => bail!("devhost has no parameters such as {value:?}"),
    })
}

fn to_date(year: i32, month: u8, day: u8) -> Result<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .ok_or_else(|| anyhow!("invalid date y={year}, m={month}, d={day}"))
}

fn to_time(hour: u8, minute: u8, second: u8, nanos: u32) -> Result<NaiveTime> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanos)
        .ok_or_else(|| anyhow!("invalid time {hour}:{minute}:{second}:{nanos}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_types_keep_their_name() {
        for unsupported in [
            Type::JSON,
            Type::INET,
            Type::UUID_ARRAY,
            Type::OID,
            Type::TIMETZ,
        ] {
            let name = unsupported.name().to_owned();
            assert!(matches!(data_type(&unsupported), DbDataType::Other(other) if other == name));
        }
    }

    #[test]
    fn malformed_and_unsupported_parameter_values_are_rejected() {
        for bad in [
            ParameterValue::Uuid("x".into()),
            ParameterValue::Jsonb(b"{".to_vec()),
            ParameterValue::Decimal("1.5".into()),
            ParameterValue::Date((2026, 2, 30)),
            ParameterValue::Time((24, 0, 0, 0)),
        ] {
            assert!(parameter(&bad).is_err(), "{bad:?}");
        }
    }
}
