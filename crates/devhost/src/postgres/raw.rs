//! Values without a type in the driver: NULL of any type, and the bytes of any other type.

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type SqlError = Box<dyn std::error::Error + Sync + Send>;

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
