//! Postgres: parameters, rows, errors, and the trait that the store modules talk to.

mod config;
mod error;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
mod native;
mod row;
mod value;

use async_trait::async_trait;

pub use config::ConnectionConfig;
pub use error::{DatabaseError, Error};
#[cfg(target_arch = "wasm32")]
pub use host::HostPostgres;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub use native::NativePostgres;
pub use row::{FromRow, FromValue, Row};
pub use value::{Param, Value};

/// A database that runs single statements, each a transaction of its own.
///
/// Parameters are `$1`, `$2`, ... and must have exactly the type that the statement infers; cast
/// where it infers another (`$1::text::timestamptz`).
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Runs a statement that changes nothing and returns its rows. It may run twice: when the
    /// connection turns out to be lost it is run once more on a new one.
    async fn read(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error>;

    /// Runs a statement that changes data and returns its rows (`RETURNING`). It runs at most
    /// once: on a lost connection it is only sent again when it certainly did not reach the
    /// server. After [`Error::Connection`] and [`Error::Timeout`] it may have happened or not.
    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error>;
}

impl dyn Database {
    /// [`Database::read`], with the rows as `T`.
    pub async fn read_as<T: FromRow>(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Vec<T>, Error> {
        self.read(sql, params)
            .await?
            .iter()
            .map(T::from_row)
            .collect()
    }

    /// [`Database::read`], with the first row as `T`, if there is one.
    pub async fn read_opt<T: FromRow>(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<T>, Error> {
        self.read(sql, params)
            .await?
            .first()
            .map(T::from_row)
            .transpose()
    }

    /// [`Database::write`], with the rows as `T`.
    pub async fn write_as<T: FromRow>(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Vec<T>, Error> {
        self.write(sql, params)
            .await?
            .iter()
            .map(T::from_row)
            .collect()
    }

    /// [`Database::write`], with the first row as `T`, if there is one.
    pub async fn write_opt<T: FromRow>(
        &self,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<T>, Error> {
        self.write(sql, params)
            .await?
            .first()
            .map(T::from_row)
            .transpose()
    }
}
