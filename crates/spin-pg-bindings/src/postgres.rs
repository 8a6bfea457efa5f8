//! Postgres: parameters, rows, errors, and the trait that the store modules use.

mod config;
mod error;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
mod native;
#[cfg(any(test, target_arch = "wasm32"))]
mod recent;
mod row;
mod value;

use std::future::Future;
use std::pin::Pin;

use async_trait::async_trait;

pub use config::ConnectionConfig;
pub use error::{DatabaseError, Error};
#[cfg(target_arch = "wasm32")]
pub use host::HostPostgres;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
pub use native::NativePostgres;
#[cfg(target_arch = "wasm32")]
pub use recent::RecentResponses;
pub use row::{FromRow, FromValue, Row};
pub use value::{Param, Value};

/// Completes when the result of a statement is no longer of use.
pub type Superseded<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A database that runs single statements, each in its own transaction.
///
/// Parameters are `$1`, `$2`, ... and must have exactly the type that the statement infers; add a cast if
/// it infers another (`$1::text::timestamptz`).
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Runs a statement that changes nothing and returns its rows. It may run twice: if the connection
    /// was lost, it is retried once on a new one.
    async fn read(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error>;

    /// Runs a statement like [`Self::read`], unless `superseded` completes while the statement still waits
    /// for a connection: then it is not sent, and the result is `None`.
    async fn read_unless(
        &self,
        superseded: Superseded<'_>,
        sql: &str,
        params: Vec<Param>,
    ) -> Result<Option<Vec<Row>>, Error> {
        drop(superseded);
        self.read(sql, params).await.map(Some)
    }

    /// Runs a statement that changes data and returns its rows (`RETURNING`). It runs at most once: after
    /// a lost connection it is retried only if it certainly did not reach the server. After
    /// [`Error::Connection`] and [`Error::Timeout`] it may or may not have run.
    async fn write(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Row>, Error>;
}

impl dyn Database {
    /// Runs [`Database::read`] and returns the rows as `T`.
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

    /// Runs [`Database::read`] and returns the first row as `T`, if there is one.
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

    /// Runs [`Database::write`] and returns the rows as `T`.
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

    /// Runs [`Database::write`] and returns the first row as `T`, if there is one.
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
