//! Postgres over tokio-postgres, for SQL tests and the operator's commands. Checks types as strictly as
//! the host.

use std::sync::Arc;

use async_trait::async_trait;
use time::PrimitiveDateTime;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls, Socket};

use super::{Database, DatabaseError, Error, Param, Row, Value};

/// One connection.
pub struct NativePostgres {
    client: Client,
}

impl NativePostgres {
    /// Connects to `url`, `postgres://...` or key=value, without TLS. Needs a Tokio runtime; a task on it
    /// serves the connection until this is dropped.
    ///
    /// # Errors
    /// [`Error::Connection`]
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, NoTls).await
    }

    /// Connects with `tls`, as required by the URL's `sslmode`.
    ///
    /// # Errors
    /// [`Error::Connection`]
    pub async fn connect_with<T>(url: &str, tls: T) -> Result<Self, Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) = tokio_postgres::connect(url, tls)
            .await
            .map_err(|error| Error::Connection(format!("{error:?}")))?;
        // Calls that wait for a response also receive its error.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { client })
    }

    /// Runs statements without parameters, separated by semicolons, to prepare a test.
    ///
    /// # Errors
    /// Those of a statement.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await.map_err(from_driver)
    }

    async fn run(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        let params: Vec<Box<dyn ToSql + Send + Sync>> = params.into_iter().map(to_sql).collect();
        let references: Vec<&(dyn ToSql + Sync)> = params
            .iter()
            .map(|param| &**param as &(dyn ToSql + Sync))
            .collect();
        let rows = self
            .client
            .query(sql, &references)
            .await
            .map_err(from_driver)?;
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        let columns: Arc<[String]> = first
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        rows.iter()
            .map(|row| {
                let values = (0..row.len()).map(|index| value(row, index));
                Ok(Row::new(
                    columns.clone(),
                    values.collect::<Result<_, Error>>()?,
                ))
            })
            .collect()
    }
}

#[async_trait]
impl Database for NativePostgres {
    async fn read(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.run(sql, params).await
    }

    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error> {
        self.run(sql, params).await
    }
}

fn from_driver(error: tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(report) => Error::Database(DatabaseError {
            sqlstate: report.code().code().to_owned(),
            constraint: report.constraint().map(str::to_owned),
            severity: report.severity().to_owned(),
            message: report.message().to_owned(),
        }),
        None => Error::from_driver_text(format!("{error:?}")),
    }
}

fn to_sql(param: Param) -> Box<dyn ToSql + Send + Sync> {
    match param {
        Param::Null => Box::new(Null),
        Param::Bool(value) => Box::new(value),
        Param::Int16(value) => Box::new(value),
        Param::Int32(value) => Box::new(value),
        Param::Int64(value) => Box::new(value),
        Param::Float64(value) => Box::new(value),
        Param::Text(value) => Box::new(value),
        Param::Bytes(value) => Box::new(value),
        Param::Uuid(value) => Box::new(value),
        Param::Timestamp(value) => {
            let utc = value.to_offset(time::UtcOffset::UTC);
            Box::new(PrimitiveDateTime::new(utc.date(), utc.time()))
        }
        Param::Json(value) => Box::new(value),
        Param::Int64Array(value) => Box::new(value),
        Param::TextArray(value) => Box::new(value),
    }
}

/// NULL of the type that the statement expects.
#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(
        &self,
        _: &Type,
        _: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value that is not NULL, of any type.
struct Presence;

impl FromSql<'_> for Presence {
    fn from_sql(_: &Type, _: &[u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn value(row: &tokio_postgres::Row, index: usize) -> Result<Value, Error> {
    let Some(column) = row.columns().get(index) else {
        return Ok(Value::Null);
    };
    match *column.type_() {
        Type::BOOL => read(row, index, Value::Bool),
        Type::INT2 => read(row, index, Value::Int16),
        Type::INT4 => read(row, index, Value::Int32),
        Type::INT8 => read(row, index, Value::Int64),
        Type::FLOAT8 => read(row, index, Value::Float64),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => read(row, index, Value::Text),
        Type::BYTEA => read(row, index, Value::Bytes),
        Type::UUID => read(row, index, Value::Uuid),
        Type::TIMESTAMP => read(row, index, |value: PrimitiveDateTime| {
            Value::Timestamp(value.assume_utc())
        }),
        // The host fails here, even for NULL.
        Type::TIMESTAMPTZ => Err(Error::Other(format!(
            "error retrieving column {}: cannot convert between the Rust type NaiveDateTime and \
             the Postgres type `timestamptz`",
            column.name()
        ))),
        Type::JSONB => read(row, index, Value::Json),
        Type::INT8_ARRAY => read(row, index, Value::Int64Array),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => {
            read(row, index, Value::TextArray)
        }
        ref other => {
            let type_name = other.name().to_owned();
            read(row, index, move |_: Presence| Value::Unsupported {
                type_name: type_name.clone(),
            })
        }
    }
}

fn read<'a, T: FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    index: usize,
    make: impl FnOnce(T) -> Value,
) -> Result<Value, Error> {
    let value: Option<T> = row.try_get(index).map_err(from_driver)?;
    Ok(value.map_or(Value::Null, make))
}
