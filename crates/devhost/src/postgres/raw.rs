//! Values without a type in the driver: intervals, NULL of any type, and the bytes of any other type.

use bytes::{Buf, BufMut};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::bindings::postgres::Interval;

type SqlError = Box<dyn std::error::Error + Sync + Send>;

/// An interval in wire format: microseconds, days, months.
#[derive(Debug)]
pub struct WireInterval(pub Interval);

impl ToSql for WireInterval {
    to_sql_checked!();

    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, SqlError> {
        out.put_i64(self.0.micros);
        out.put_i32(self.0.days);
        out.put_i32(self.0.months);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }
}

impl<'a> FromSql<'a> for WireInterval {
    fn from_sql(_: &Type, mut raw: &'a [u8]) -> Result<Self, SqlError> {
        if raw.len() != 16 {
            return Err("unexpected binary format for Postgres INTERVAL".into());
        }
        Ok(Self(Interval {
            micros: raw.get_i64(),
            days: raw.get_i32(),
            months: raw.get_i32(),
        }))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::INTERVAL
    }
}

/// NULL for a parameter of any type; an `Option` needs a type.
#[derive(Debug)]
pub struct Null;

impl ToSql for Null {
    to_sql_checked!();

    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, SqlError> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Bytes of a value of any type, as Postgres sent them.
#[derive(Debug)]
pub struct Raw(pub Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, SqlError> {
        Ok(Self(raw.to_owned()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
