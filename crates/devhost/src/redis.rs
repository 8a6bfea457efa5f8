//! `spin:redis`: connections of a component to Redis.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, Value};
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::bindings::redis::{
    Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
};
use crate::instance::Instance;

/// Guest handle of a connection; concurrent calls share it.
pub struct Connection(MultiplexedConnection);

type Handle = Resource<Connection>;

#[expect(clippy::needless_pass_by_value, reason = "the argument of map_err")]
fn other(error: RedisError) -> Error {
    Error::Other(error.to_string())
}

impl Host for Instance {}

impl HostConnection for Instance {
    async fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostConnectionWithStore<T> for HasSelf<Instance> {
    async fn open(accessor: &Accessor<T, Self>, address: String) -> Result<Handle, Error> {
        let component = accessor.with(|mut access| access.get().component.clone());
        if !component.allowed_hosts.allows(&address, "redis") {
            return Err(Error::InvalidAddress);
        }
        // Spin waits without a limit; deadlines are up to the guest.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connection = redis::Client::open(address)
            .map_err(|_| Error::InvalidAddress)?
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(other)?;
        accessor.with(|mut access| {
            let pushed = access.get().table.push(Connection(connection));
            pushed.map_err(|_| Error::TooManyConnections)
        })
    }

    async fn execute(
        accessor: &Accessor<T, Self>,
        handle: Handle,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Result<Vec<RedisResult>, Error> {
        let mut command = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let mut connection = accessor.with(|mut access| {
            let found = access.get().table.get(&handle).map(|found| found.0.clone());
            found.map_err(|_| Error::Other("could not find connection for resource".to_owned()))
        })?;
        let reply = command.query_async(&mut connection).await.map_err(other)?;
        let mut results = Vec::new();
        flatten(reply, &mut results)?;
        Ok(results)
    }
}

/// Flattens nested arrays into one list; a value without a case in the interface is an error.
fn flatten(value: Value, results: &mut Vec<RedisResult>) -> Result<(), Error> {
    let unsupported = |what: &str| {
        let text = format!("Could not convert Redis response - TypeError: {what} is not supported");
        Err(Error::Other(text))
    };
    let result = match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::Boolean(truth) => RedisResult::Int64(truth.into()),
        Value::Array(values) | Value::Set(values) => {
            return values
                .into_iter()
                .try_for_each(|value| flatten(value, results));
        }
        Value::ServerError(error) => return Err(Error::Other(format!("Server error: {error:?}"))),
        Value::Map(_) => return unsupported("Redis Map type"),
        Value::Attribute { .. } => return unsupported("Redis Attribute type"),
        Value::VerbatimString { .. } => return unsupported("Redis string with format attribute"),
        Value::Push { .. } => return unsupported("Redis Pub/Sub"),
        _ => return unsupported("this type"),
    };
    results.push(result);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_flattened() {
        let inner = Value::Array(vec![Value::Okay, Value::Nil]);
        let reply = Value::Array(vec![Value::Int(1), inner, Value::BulkString(b"a".to_vec())]);
        let mut results = Vec::new();
        flatten(reply, &mut results).unwrap();
        assert!(matches!(
            results.as_slice(),
            [
                RedisResult::Int64(1),
                RedisResult::Status(_),
                RedisResult::Nil,
                RedisResult::Binary(_)
            ]
        ));
    }

    #[test]
    fn a_map_is_rejected() {
        assert!(flatten(Value::Map(Vec::new()), &mut Vec::new()).is_err());
    }
}
