//! Client pools, one per address, and the statements that run on a client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures::{Stream, StreamExt, TryStreamExt};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres::{NoTls, Row, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::values::{data_type, parameters, row_values};
use crate::bindings::postgres::{Column, DbError, DbValue, Error, ParameterValue, QueryError};

/// Clients per address of a component.
const POOL_SIZE: usize = 64;

/// The pools of one component, by address.
#[derive(Default)]
pub struct Pools(Mutex<HashMap<String, Pool>>);

impl Pools {
    /// Returns a client for the address; waits while all 64 are in use.
    ///
    /// # Errors
    /// Returns `connection-failed` if the address cannot be read or connected to.
    pub async fn client(&self, address: &str) -> Result<Client, Error> {
        let failed = |error: anyhow::Error| Error::ConnectionFailed(format!("{error:#}"));
        let pool = self.pool(address).map_err(failed)?;
        let client = pool.get().await.map_err(|error| failed(error.into()))?;
        Ok(Client(Arc::new(client)))
    }

    fn pool(&self, address: &str) -> Result<Pool> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Ok(pool.clone());
        }
        let pool = new_pool(address).context("establishing PostgreSQL connection pool")?;
        pools.insert(address.to_owned(), pool.clone());
        Ok(pool)
    }
}

fn new_pool(address: &str) -> Result<Pool> {
    let config: Config = address
        .parse()
        .context("parsing Postgres connection string")?;
    let manager_config = ManagerConfig {
        // A borrower must not see the settings of the previous one.
        recycling_method: RecyclingMethod::Clean,
    };
    let manager = if config.get_ssl_mode() == SslMode::Disable {
        Manager::from_config(config, NoTls, manager_config)
    } else {
        Manager::from_config(config, tls(), manager_config)
    };
    Pool::builder(manager)
        .max_size(POOL_SIZE)
        .build()
        .context("building Postgres connection pool")
}

/// Verifies certificates against the system's roots, even when TLS is only preferred.
fn tls() -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

/// A borrowed client; it returns to its pool when the last clone is dropped.
#[derive(Clone)]
pub struct Client(Arc<Object>);

impl Client {
    /// Starts a query; errors of its execution are in the stream.
    pub async fn query(&self, statement: &str, values: &[ParameterValue]) -> Result<Rows, Error> {
        let parameters =
            parameters(values).map_err(|error| Error::BadParameter(format!("{error:#}")))?;
        let rows = self
            .0
            .query_raw(statement, parameters)
            .await
            .map_err(query_failed)?;
        Ok(Rows(Box::pin(rows)))
    }
}

/// The rows of a running query.
pub struct Rows(std::pin::Pin<Box<RowStream>>);

impl Rows {
    /// Returns the columns and the rows. Columns are known from the first row only: without rows there
    /// are none.
    pub async fn with_columns(
        self,
    ) -> (
        Vec<Column>,
        impl Stream<Item = Result<Vec<DbValue>, Error>> + Send + 'static,
    ) {
        let mut rows = self.0.fuse();
        let first = rows.next().await;
        let columns = match &first {
            Some(Ok(row)) => columns(row),
            _ => Vec::new(),
        };
        let rows = futures::stream::iter(first)
            .chain(rows)
            .map_err(query_failed)
            .map(|row| {
                row_values(&row?)
                    .map_err(|error| Error::QueryFailed(QueryError::Text(format!("{error:#}"))))
            });
        (columns, rows)
    }
}

fn columns(row: &Row) -> Vec<Column> {
    let column = |column: &tokio_postgres::Column| Column {
        name: column.name().to_owned(),
        data_type: data_type(column.type_()),
    };
    row.columns().iter().map(column).collect()
}

fn query_failed(error: tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    Error::QueryFailed(match error.as_db_error() {
        None => QueryError::Text(as_text),
        Some(db) => QueryError::DbError(DbError {
            as_text,
            severity: db.severity().to_owned(),
            code: db.code().code().to_owned(),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            extras: extras(db),
        }),
    })
}

fn extras(db: &tokio_postgres::error::DbError) -> Vec<(String, String)> {
    let line = db.line().map(|line| line.to_string());
    [
        ("column", db.column()),
        ("constraint", db.constraint()),
        ("routine", db.routine()),
        ("hint", db.hint()),
        ("table", db.table()),
        ("datatype", db.datatype()),
        ("schema", db.schema()),
        ("file", db.file()),
        ("line", line.as_deref()),
        ("where_", db.where_()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect()
}
