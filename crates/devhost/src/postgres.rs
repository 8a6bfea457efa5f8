//! `spin:postgres`: connections of a component to Postgres.

#![allow(
    clippy::result_large_err,
    reason = "the interface defines the contents of an error"
)]

mod client;
mod raw;
mod rows;
mod values;

use tokio_postgres::config::{Config, Host as Address};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use self::client::Client;
pub use self::client::Pools;
use self::rows::RowProducer;
use crate::allowed_hosts::AllowedHosts;
use crate::bindings::postgres::{
    Column, DbValue, Error, Host, HostConnection, HostConnectionWithStore, ParameterValue,
};
use crate::instance::Instance;

/// Guest handle of a borrowed client.
pub struct Connection(Client);

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

impl Host for Instance {}

impl HostConnection for Instance {
    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for HasSelf<Instance> {
    async fn open_async(
        accessor: &Accessor<T, Self>,
        address: String,
    ) -> Result<Resource<Connection>, Error> {
        let component = accessor.with(|mut access| access.get().component.clone());
        check_allowed(&component.allowed_hosts, &address)?;
        let client = component.pools.client(&address).await?;
        accessor.with(|mut access| {
            let pushed = access.get().table.push(Connection(client));
            pushed.map_err(|_| Error::ConnectionFailed("too many connections".to_owned()))
        })
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<QueryResult, Error> {
        let client = accessor.with(|mut access| {
            let found = access
                .get()
                .table
                .get(&connection)
                .map(|found| found.0.clone());
            found.map_err(|_| Error::ConnectionFailed("no connection found".to_owned()))
        })?;
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
}
