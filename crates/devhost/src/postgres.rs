//! `spin:postgres`: connections of a component to Postgres.

#![allow(
    clippy::result_large_err,
    reason = "the interface defines the contents of an error"
)]

mod client;
mod ranges;
mod raw;
mod rows;
mod values;

use futures::StreamExt;
use tokio_postgres::config::{Config, Host as Address};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

pub use self::client::Pools;
use self::client::{Client, Rows, check_certificate};
use self::rows::RowProducer;
use crate::allowed_hosts::AllowedHosts;
use crate::bindings::postgres::{
    Column, DbValue, Error, Host, HostConnection, HostConnectionBuilder,
    HostConnectionBuilderWithStore, HostConnectionWithStore, ParameterValue, QueryError, RowSet,
};
use crate::instance::Instance;

/// Guest handle of a borrowed client.
pub struct Connection(Client);

/// Address and root certificate that the server is verified against.
pub struct ConnectionBuilder {
    address: String,
    root: Option<String>,
}

/// Result of a query for the guest: columns, rows, and the error that ended the rows, if any.
type QueryResult = (
    Vec<Column>,
    StreamReader<Vec<DbValue>>,
    FutureReader<Result<(), Error>>,
);

/// Rejects an address that the manifest does not allow, with Spin's message.
fn check_allowed(allowed: &AllowedHosts, address: &str) -> Result<(), Error> {
    let config: Config = address
        .parse()
        .map_err(|error: tokio_postgres::Error| Error::ConnectionFailed(error.to_string()))?;
    let ports = config.get_ports();
    for (index, host) in config.get_hosts().iter().enumerate() {
        let Address::Tcp(host) = host else {
            let text = "Unix sockets are not supported on WebAssembly";
            return Err(Error::ConnectionFailed(text.to_owned()));
        };
        // A single port serves all hosts.
        let port = ports.get(index).or(match ports {
            [only] => Some(only),
            _ => None,
        });
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{host}{port}");
        if !allowed.allows(&url, "postgres") {
            let text = format!("address postgres://{url} is not permitted");
            return Err(Error::ConnectionFailed(text));
        }
    }
    Ok(())
}

impl Instance {
    fn pg_client(&self, connection: &Resource<Connection>) -> Result<Client, Error> {
        self.table
            .get(connection)
            .map(|connection| connection.0.clone())
            .map_err(|_| Error::ConnectionFailed("no connection found".to_owned()))
    }

    fn push_client(&mut self, client: Client) -> Result<Resource<Connection>, Error> {
        self.table
            .push(Connection(client))
            .map_err(|_| Error::ConnectionFailed("too many connections".to_owned()))
    }

    fn builder(
        &self,
        builder: &Resource<ConnectionBuilder>,
    ) -> Result<(String, Option<String>), Error> {
        self.table
            .get(builder)
            .map(|builder| (builder.address.clone(), builder.root.clone()))
            .map_err(|_| Error::ConnectionFailed("no builder found".to_owned()))
    }
}

async fn open<T: Send + 'static>(
    accessor: &Accessor<T, HasSelf<Instance>>,
    address: &str,
    root: Option<String>,
) -> Result<Resource<Connection>, Error> {
    let component = accessor.with(|mut access| access.get().component.clone());
    check_allowed(&component.allowed_hosts, address)?;
    let client = component.pools.client(address, root).await?;
    accessor.with(|mut access| access.get().push_client(client))
}

impl Host for Instance {}

impl HostConnection for Instance {
    async fn open(&mut self, address: String) -> Result<Resource<Connection>, Error> {
        let component = self.component.clone();
        check_allowed(&component.allowed_hosts, &address)?;
        let client = component.pools.client(&address, None).await?;
        self.push_client(client)
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<RowSet, Error> {
        let rows = self
            .pg_client(&connection)?
            .query(&statement, &parameters)
            .await?;
        collect(rows).await
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        self.pg_client(&connection)?
            .execute(&statement, &parameters)
            .await
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

async fn collect(rows: Rows) -> Result<RowSet, Error> {
    let (columns, rows) = rows.with_columns().await;
    let mut rows = std::pin::pin!(rows);
    let mut set = RowSet {
        columns,
        rows: Vec::new(),
    };
    while let Some(row) = rows.next().await {
        // The synchronous call flattens every error to text.
        let row =
            row.map_err(|error| Error::QueryFailed(QueryError::Text(format!("{error:?}"))))?;
        set.rows.push(row);
    }
    Ok(set)
}

impl<T: Send + 'static> HostConnectionWithStore<T> for HasSelf<Instance> {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> Result<Resource<Connection>, Error> {
        open(accessor, &address, None).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<QueryResult, Error> {
        let client = accessor.with(|mut access| access.get().pg_client(&connection))?;
        let (columns, rows) = client
            .query(&statement, &parameters)
            .await?
            .with_columns()
            .await;
        let (producer, ended) = RowProducer::new(Box::pin(rows));
        accessor
            .with(|mut access| {
                let rows = StreamReader::new(&mut access, producer)?;
                let ended = FutureReader::new(&mut access, ended)?;
                Ok((columns, rows, ended))
            })
            .map_err(|error: wasmtime::Error| Error::Other(error.to_string()))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<u64, Error> {
        let client = accessor.with(|mut access| access.get().pg_client(&connection))?;
        client.execute(&statement, &parameters).await
    }
}

impl HostConnectionBuilder for Instance {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<ConnectionBuilder>> {
        let root = None;
        Ok(self.table.push(ConnectionBuilder { address, root })?)
    }

    async fn set_ca_root(
        &mut self,
        builder: Resource<ConnectionBuilder>,
        certificate: String,
    ) -> Result<(), Error> {
        check_certificate(&certificate)?;
        self.table
            .get_mut(&builder)
            .map(|builder| builder.root = Some(certificate))
            .map_err(|_| Error::ConnectionFailed("no builder found".to_owned()))
    }

    async fn build(
        &mut self,
        builder: Resource<ConnectionBuilder>,
    ) -> Result<Resource<Connection>, Error> {
        let (address, root) = self.builder(&builder)?;
        let component = self.component.clone();
        check_allowed(&component.allowed_hosts, &address)?;
        let client = component.pools.client(&address, root).await?;
        self.push_client(client)
    }

    async fn drop(&mut self, builder: Resource<ConnectionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionBuilderWithStore<T> for HasSelf<Instance> {
    async fn build_async(
        accessor: &Accessor<T, Self>,
        builder: Resource<ConnectionBuilder>,
    ) -> Result<Resource<Connection>, Error> {
        let (address, root) = accessor.with(|mut access| access.get().builder(&builder))?;
        open(accessor, &address, root).await
    }
}
